import type { NatsConnection } from "nats";
import { errCodeOf } from "./api-error.ts";

export interface StreamState {
  /** Sequence of the last message ever stored: its growth is what was stored, whatever was removed since. */
  readonly lastSequence: number;
  readonly messages: number;
}

const STREAM_NOT_FOUND = 10059;

/** What a stream holds now; all zero when it does not exist (yet). */
export async function streamState(connection: NatsConnection, stream: string): Promise<StreamState> {
  try {
    const { state } = await (await connection.jetstreamManager()).streams.info(stream);
    return { lastSequence: state.last_seq, messages: state.messages };
  } catch (error) {
    if (errCodeOf(error) === STREAM_NOT_FOUND) return { lastSequence: 0, messages: 0 };
    throw error;
  }
}

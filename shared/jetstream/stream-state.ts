import type { NatsConnection } from "nats";
import { STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";

export interface StreamState {
  /** Sequence of the last message ever stored: its growth is what was stored, whatever was removed since. */
  readonly lastSequence: number;
  readonly messages: number;
}

/** What a stream holds now; all zero when it does not exist (yet). */
export async function streamState(connection: NatsConnection, stream: string): Promise<StreamState> {
  const jsm = await connection.jetstreamManager();
  const info = await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(stream));
  return { lastSequence: info?.state.last_seq ?? 0, messages: info?.state.messages ?? 0 };
}

import type { Msg, NatsConnection } from "nats";

export interface CoreMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Every header with its values, read when asked for. Malformed ones, on which the client throws, count as none. */
  headers(): readonly (readonly [name: string, value: string])[];
}

export interface CoreSubscription {
  /** Asks the server to stop, and resolves when everything it had sent until then was delivered. */
  drain(): Promise<void>;
}

/**
 * A core NATS subscription whose messages are handed over as the socket delivers them: nothing is queued on our side, so
 * whoever receives must not block. Resolves once the server has the subscription (a denial arrives later, as a
 * connection error).
 */
export async function subscribeCore(
  connection: NatsConnection,
  { subject, queue }: { readonly subject: string; readonly queue: string },
  onMessage: (message: CoreMessage) => void,
): Promise<CoreSubscription> {
  const subscription = connection.subscribe(subject, {
    queue,
    callback: (error, message) => {
      if (error === null) onMessage(coreMessage(message));
    },
  });
  await connection.flush();
  return { drain: () => subscription.drain() };
}

function coreMessage(message: Msg): CoreMessage {
  return { subject: message.subject, data: message.data, headers: () => headersOf(message) };
}

const NONE: readonly (readonly [string, string])[] = [];

function headersOf(message: Msg): readonly (readonly [string, string])[] {
  try {
    const headers = message.headers;
    if (headers === undefined) return NONE;
    return [...headers].flatMap(([name, values]) => values.map((value) => [name, value] as const));
  } catch {
    return NONE;
  }
}

import type { NatsConnection } from "nats";

export interface CoreMessage {
  readonly subject: string;
  readonly data: Uint8Array;
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
      if (error === null) onMessage({ subject: message.subject, data: message.data });
    },
  });
  await connection.flush();
  return { drain: () => subscription.drain() };
}

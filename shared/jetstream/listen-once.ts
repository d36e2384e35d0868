import type { Connection } from "./connect.ts";

/** Told once: of the first message on the subject, or that the server does not let us listen. */
export interface OnceListener {
  message(): void;
  denied(text: string): void;
}

/**
 * Listens for one message on a subject, and costs nothing after it: the server itself ends such a subscription. Across a
 * lost connection it is renewed by the client. What is stored in a stream is such a message, seen a moment before it is
 * stored. The server has the subscription before anything that is asked over the same connection afterwards. Returns the
 * function that ends it.
 */
export function listenOnce(connection: Connection, subject: string, listener: OnceListener): () => void {
  if (connection.isClosed()) return () => {};
  const subscription = connection.subscribe(subject, {
    max: 1,
    callback: (error) => {
      if (error === null) listener.message();
      else listener.denied(error.message);
    },
  });
  return () => subscription.unsubscribe();
}

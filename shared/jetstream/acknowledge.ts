import type { Channel } from "./channel.ts";
import type { Delivery } from "./delivery.ts";

/** The words of the acknowledgement protocol. Bare `+TERM`: servers before 2.10.4 ignore one with a reason. */
export const ACK: Uint8Array = Buffer.from("+ACK");
export const TERM: Uint8Array = Buffer.from("+TERM");

const NS_PER_MS = 1_000_000;
/** Status of "nobody listens on the ack subject": the consumer is gone, and with it the delivery. */
const NO_RESPONDERS = 503;

/** Hands the message back, to be delivered again after `delayMs`; 0 means at once. */
export function nak(delayMs: number): string {
  return delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * NS_PER_MS)}}` : "-NAK";
}

/**
 * Sends an acknowledgement; `onConfirm` learns whether the server confirmed it. The server answers again when the same
 * message is acknowledged again, so an unconfirmed one may be repeated.
 */
export function acknowledge(
  { connection, replies, outbox }: Channel,
  { delivery, verb }: { readonly delivery: Delivery; readonly verb: string | Uint8Array },
  onConfirm: (confirmed: boolean) => void,
): void {
  outbox.add(() => {
    const reply = replies.expect((answer) => onConfirm(answer !== null && answer.headers?.code !== NO_RESPONDERS));
    try {
      connection.publish(delivery.ackSubject, verb, { reply });
    } catch {
      replies.forget(reply); // the connection is closed: nothing was sent
      onConfirm(false);
    }
  });
}

import type { Msg } from "nats";

/** What a status message says about the pull it was sent for. */
export type PullStatus =
  /** The pull is alive; nothing to deliver. */
  | { readonly type: "heartbeat" }
  /** Over without an error: expired, filled, or (a `no_wait` pull) nothing there; `tooLarge`: the next message did not fit. */
  | { readonly type: "ended"; readonly undelivered: number | null; readonly tooLarge: boolean }
  /** Over, and asking again at once would end the same way. */
  | { readonly type: "failed"; readonly undelivered: number | null; readonly detail: string };

/** Descriptions of 409 after which the next pull may succeed at once (nats-server `server/consumer.go`). */
const HARMLESS = [/^batch completed/i, /^leadership change/i];
const TOO_LARGE = /^message size exceeds maxbytes/i;

/**
 * Reads a status; null for a delivery. Only a delivery has a reply subject (for its ack). The status code alone would not
 * do: a stored message may carry one, and would then never be handled.
 */
export function readPullStatus(message: Msg): PullStatus | null {
  if (message.reply) return null;
  const { code, description } = message.headers ?? { code: 0, description: "" };
  const undelivered = pendingMessages(message.headers?.get("Nats-Pending-Messages") ?? "");
  switch (code) {
    case 100:
      return { type: "heartbeat" };
    case 404:
    case 408:
      return { type: "ended", undelivered, tooLarge: false };
    case 409:
      if (TOO_LARGE.test(description)) return { type: "ended", undelivered, tooLarge: true };
      return HARMLESS.some((pattern) => pattern.test(description))
        ? { type: "ended", undelivered, tooLarge: false }
        : { type: "failed", undelivered, detail: description };
    case 503:
      return { type: "failed", undelivered, detail: "no such consumer, or JetStream is not available" };
    default:
      return { type: "failed", undelivered, detail: `${code} ${description}` };
  }
}

/** How many messages of the batch will not come; old servers and some statuses do not say. */
function pendingMessages(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

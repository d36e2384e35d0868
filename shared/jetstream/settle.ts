import type { Decision } from "../jobs/outcome.ts";
import { ACK, acknowledge, nak, TERM } from "./acknowledge.ts";
import type { Channel } from "./channel.ts";
import { copyToDeadLetters, type DeadLetterTarget, type Death } from "./dead-letter.ts";
import type { Delivery } from "./delivery.ts";

/** How settling ended. Only `confirmed` means that the server knows. */
export type Settled =
  | "confirmed"
  /** Sent, repeated, and never answered: the message comes again unless one of them arrived. */
  | "unconfirmed"
  /** Nothing was sent: the message may be another worker's by now, and an ack would take it away. */
  | "lease_over"
  /** The dead-letter stream did not take the copy, so the message was handed back. */
  | "not_copied";

export interface SettleSettings extends Channel {
  readonly ackWaitMs: number;
  readonly deadLetters: DeadLetterTarget;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** A decided delivery. `death` is asked for only when it is dead. */
export interface Settlement {
  readonly delivery: Delivery;
  readonly decision: Decision;
  readonly death: () => Death;
}

/** How long a message waits whose copy could not be stored. */
const NOT_COPIED_DELAY_MS = 5_000;
/** A lost ack is a second run; a second ack costs nothing. A second nak could hit the delivery that the first one caused. */
const MOST_SENDS: Readonly<Record<Decision["type"], number>> = { done: 3, drop: 3, dead: 3, retry: 1 };

/** True once the server may have handed the message to someone else. */
function leaseIsOver({ ackWaitMs, now }: SettleSettings, delivery: Delivery): boolean {
  return now() - delivery.receivedAtMs >= ackWaitMs;
}

/** Turns a decision into the one acknowledgement JetStream understands, confirmed by the server. Never rejects. */
export function settle(settings: SettleSettings, settlement: Settlement): Promise<Settled> {
  const { delivery, decision } = settlement;
  const most = MOST_SENDS[decision.type];
  switch (decision.type) {
    case "done":
      return confirm(settings, { delivery, verb: ACK, most });
    case "retry":
      return confirm(settings, { delivery, verb: nak(decision.delayMs), most });
    case "drop":
      return confirm(settings, { delivery, verb: TERM, most });
    case "dead":
      return bury(settings, settlement);
  }
}

/** A work queue removes what is terminated: the copy is stored first. */
async function bury(settings: SettleSettings, { delivery, death }: Settlement): Promise<Settled> {
  if (leaseIsOver(settings, delivery)) return "lease_over";
  const copy = await copyToDeadLetters(settings.deadLetters, { delivery, death: death() });
  if (copy.stored) return confirm(settings, { delivery, verb: TERM, most: MOST_SENDS.dead });
  await confirm(settings, { delivery, verb: nak(NOT_COPIED_DELAY_MS), most: MOST_SENDS.retry });
  return "not_copied";
}

interface Acknowledgement {
  readonly delivery: Delivery;
  readonly verb: string | Uint8Array;
  /** How often it is sent at most. */
  readonly most: number;
}

/** Sends the acknowledgement again while the lease lasts and no confirmation comes. */
function confirm(settings: SettleSettings, acknowledgement: Acknowledgement): Promise<Settled> {
  return new Promise((resolve) => sendUntilConfirmed(settings, { ...acknowledgement, sent: 0 }, resolve));
}

function sendUntilConfirmed(
  settings: SettleSettings,
  acknowledgement: Acknowledgement & { readonly sent: number },
  onSettled: (settled: Settled) => void,
): void {
  const { sent, most, delivery } = acknowledgement;
  if (leaseIsOver(settings, delivery)) {
    onSettled(sent === 0 ? "lease_over" : "unconfirmed");
    return;
  }
  acknowledge(settings, acknowledgement, (confirmed) => {
    if (confirmed) onSettled("confirmed");
    else if (sent + 1 >= most || settings.connection.isClosed()) onSettled("unconfirmed");
    else sendUntilConfirmed(settings, { ...acknowledgement, sent: sent + 1 }, onSettled);
  });
}

import type { Decision } from "../jobs/outcome.ts";
import { ACK, type AckChannel, type Acknowledged, leaseIsOver, nak, PendingAck, TERM } from "./acknowledge.ts";
import { copyToDeadLetters, type DeadLetterTarget, type Death } from "./dead-letter.ts";
import type { Delivery } from "./delivery.ts";

/** How settling ended. `not_copied`: the dead-letter stream did not take the copy; nothing was sent. */
export type Settled = Acknowledged | "not_copied";

export interface SettleSettings extends AckChannel {
  readonly deadLetters: DeadLetterTarget;
}

/** A decided delivery. `death` is asked for only when it is dead. */
export interface Settlement {
  readonly delivery: Delivery;
  readonly decision: Decision;
  readonly death: () => Death;
}

/** A lost ack is a second run; a second ack costs nothing. A second nak could hit the delivery that the first one caused. */
const MOST_SENDS: Readonly<Record<Decision["type"], number>> = { done: 3, drop: 3, dead: 3, retry: 1, snooze: 1 };

/** Turns a decision into the one acknowledgement JetStream understands, confirmed by the server. Never rejects. */
export function settle(settings: SettleSettings, settlement: Settlement): Promise<Settled> {
  const { delivery, decision } = settlement;
  const most = MOST_SENDS[decision.type];
  if (delivery.isLost) return Promise.resolve("lease_over");
  switch (decision.type) {
    case "done":
      return new Promise((onEnd) => acknowledgeDone(settings, delivery, onEnd));
    case "retry":
    case "snooze":
      return confirm(settings, { delivery, verb: nak(decision.delayMs), most });
    case "drop":
      return confirm(settings, { delivery, verb: TERM, most });
    case "dead":
      return bury(settings, settlement);
  }
}

/** A work queue removes what is terminated: the copy is stored first. */
async function bury(settings: SettleSettings, { delivery, death }: Settlement): Promise<Settled> {
  if (leaseIsOver(settings, delivery.leaseFromMs)) return "lease_over";
  const copy = await copyToDeadLetters(settings.deadLetters, { delivery, death: death() });
  if (delivery.isLost) return "lease_over"; // whoever has it now makes the same copy, and ends it
  return copy.stored ? confirm(settings, { delivery, verb: TERM, most: MOST_SENDS.dead }) : "not_copied";
}

/** The commonest settlement, without a promise: `onEnd` is called once, with how it ended. */
export function acknowledgeDone(
  settings: SettleSettings,
  delivery: Delivery,
  onEnd: (end: Acknowledged) => void,
): void {
  const { ackSubject: subject, leaseFromMs } = delivery;
  if (delivery.isLost) onEnd("lease_over");
  else new PendingAck(settings, { subject, verb: ACK, leaseFromMs, most: MOST_SENDS.done, onEnd });
}

function confirm(
  settings: SettleSettings,
  { delivery, verb, most }: { readonly delivery: Delivery; readonly verb: string | Uint8Array; readonly most: number },
): Promise<Acknowledged> {
  const { ackSubject: subject, leaseFromMs } = delivery;
  return new Promise((onEnd) => {
    new PendingAck(settings, { subject, verb, leaseFromMs, most, onEnd });
  });
}

import { setTimeout as wait } from "node:timers/promises";
import type { ConsumerInfo, JetStreamManager } from "nats";
import { messageAt, nextMessage, type StoredMessage } from "./browse.ts";
import { filtersOf } from "./stranded.ts";

/** A message found stranded. */
export interface Found {
  readonly message: StoredMessage;
  /** How often its consumer delivers at most; 0: no limit, so its deliveries cannot be spent. */
  readonly deliveries: number;
}

export interface ReconcileSettings {
  readonly stream: string;
  readonly durable: string;
  /** How long a message must have been found stranded before it is believed. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
}

/** Candidates per look: numbers only, so that a million stranded messages are not held at one time. */
const LOOK = 10_000;

/**
 * The last sequence up to which a consumer will hand nothing over any more; 0 when that cannot be said. Below its ack
 * floor everything is settled or spent; so is, while it waits for no acknowledgement at all, everything it has ever
 * handed over. (The floor moves with acknowledgements only, and not past a spent message while others are in flight: in a
 * queue that is never idle, only the advisory tells.)
 */
export function undeliverableUpTo({ delivered, ack_floor: floor, num_ack_pending: inFlight }: ConsumerFacts): number {
  return inFlight === 0 ? Math.max(delivered.stream_seq, floor.stream_seq) : floor.stream_seq;
}

type ConsumerFacts = Pick<ConsumerInfo, "delivered" | "ack_floor" | "num_ack_pending">;

/**
 * Walks a work queue for messages that its consumer will never hand over again. Each is looked at twice: one that was
 * just acknowledged is removed a moment after its consumer has forgotten it. A consumer that was made anew meanwhile
 * delivers everything again, so what was found is forgotten.
 */
export async function* findStranded(jsm: JetStreamManager, settings: ReconcileSettings): AsyncIterable<Found> {
  const { stream, durable, settleMs, signal } = settings;
  for (let from = 1; ; ) {
    const before = await jsm.consumers.info(stream, durable);
    const suspects = await look(jsm, stream, before, from);
    const last = suspects.at(-1);
    if (last === undefined) return;
    await wait(settleMs, null, { signal });
    const after = await jsm.consumers.info(stream, durable);
    if (after.created !== before.created) return;
    yield* stillThere(jsm, stream, { suspects, deliveries: Math.max(0, before.config.max_deliver ?? 0) });
    if (suspects.length < LOOK) return;
    from = last.sequence + 1;
  }
}

interface Suspect {
  readonly sequence: number;
  readonly storedAtMs: number;
}

/**
 * A work queue can be read by nobody but its consumers, so it is asked message by message. In a healthy queue that is one
 * request: nothing is left below the floor.
 */
async function look(
  jsm: JetStreamManager,
  stream: string,
  consumer: ConsumerInfo,
  fromSequence: number,
): Promise<readonly Suspect[]> {
  const upTo = undeliverableUpTo(consumer);
  const suspects: Suspect[] = [];
  if (upTo === 0) return suspects;
  for (const subject of filtersOf(consumer)) {
    for (let next = fromSequence; suspects.length < LOOK; ) {
      const message = await nextMessage(jsm, { stream, subject, fromSequence: next });
      if (message === null || message.sequence > upTo) break;
      suspects.push({ sequence: message.sequence, storedAtMs: message.storedAt.getTime() });
      next = message.sequence + 1;
    }
  }
  return suspects.sort((a, b) => a.sequence - b.sequence);
}

async function* stillThere(
  jsm: JetStreamManager,
  stream: string,
  { suspects, deliveries }: { readonly suspects: readonly Suspect[]; readonly deliveries: number },
): AsyncIterable<Found> {
  for (const { sequence, storedAtMs } of suspects) {
    const message = await messageAt(jsm, stream, sequence);
    // The time too: a stream that was made anew counts from 1 again.
    if (message?.storedAt.getTime() === storedAtMs) yield { message, deliveries };
  }
}

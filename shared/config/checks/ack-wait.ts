import type { Finding } from "../problem.ts";
import { durationText } from "../units.ts";

/** Leases are renewed at a third of it, and a renewal takes a round trip and an event loop that is free. */
const SHORTEST_MS = 1_000;

/** Whether a lease is long enough to be renewed, and what was taken with it acknowledged, before it ends. */
export function checkAckWait(path: PropertyKey[], ackWait: number): Finding[] {
  if (ackWait >= SHORTEST_MS) return [];
  const problem = "is too short to be renewed in time: messages in hand would be delivered again";
  return [{ path, value: durationText(ackWait), problem, fix: `make it ${durationText(SHORTEST_MS)} or more` }];
}

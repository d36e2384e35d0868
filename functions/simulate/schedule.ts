/** Later than this, a report is skipped: sent in one burst, late reports would not be the load that was asked for. */
const MAX_LATE_MS = 1_000;
/** Reports signed at once: enough for both halves of a small machine, few enough to stop quickly. */
const MAX_BATCH = 64;

/** One message is due every `gapMs`, the first at once; each node in its turn. */
export interface Schedule {
  readonly gapMs: number;
}

/** Reports spread evenly over the interval: what go-choria's random splay comes to for a whole fleet. */
export function makeSchedule(nodes: number, intervalMs: number): Schedule {
  return { gapMs: intervalMs / nodes };
}

export interface Step {
  /** Messages `from` up to, not including, `to` are to be sent now; none when they are equal. */
  readonly from: number;
  readonly to: number;
  /** Messages before `from` that came too late to be sent. */
  readonly skipped: number;
  /** Until the next message is due; 0 when one is. */
  readonly waitMs: number;
}

/** What to do at a moment when messages up to, not including, `next` have been sent or skipped. */
export function nextStep({ gapMs }: Schedule, elapsedMs: number, next: number): Step {
  const due = Math.floor(elapsedMs / gapMs) + 1;
  const oldest = Math.max(0, Math.floor((elapsedMs - MAX_LATE_MS) / gapMs) + 1);
  const from = Math.max(next, oldest);
  const to = Math.max(from, Math.min(due, from + MAX_BATCH));
  return { from, to, skipped: from - next, waitMs: Math.max(0, Math.ceil(from * gapMs - elapsedMs)) };
}

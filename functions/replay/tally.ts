/** How one dead letter fared. */
export interface End {
  readonly type: string;
  /** It is gone from the dead letters, or would be. */
  readonly done: boolean;
  /** The id it goes on under. */
  readonly id?: string;
  /** For people. */
  readonly told: string;
}

/** What became of many. */
export interface Counts {
  /** By how they ended. */
  readonly totals: Readonly<Record<string, number>>;
  /** How many of them are still among the dead letters. */
  readonly undone: number;
}

/** Counts how dead letters fare. */
export class Tally implements Counts {
  readonly totals: Record<string, number>;
  undone = 0;

  /** `ends`: what can be counted, in the order in which it is told. */
  constructor(ends: readonly string[]) {
    this.totals = Object.fromEntries(ends.map((type) => [type, 0]));
  }

  get all(): number {
    return Object.values(this.totals).reduce((sum, count) => sum + count, 0);
  }

  count({ type, done }: Pick<End, "type" | "done">): void {
    this.totals[type] = (this.totals[type] ?? 0) + 1;
    if (!done) this.undone += 1;
  }

  /** Adds what was counted elsewhere. */
  add({ totals, undone }: Counts): void {
    for (const [type, count] of Object.entries(totals)) this.totals[type] = (this.totals[type] ?? 0) + count;
    this.undone += undone;
  }
}

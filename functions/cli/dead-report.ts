import type { Detail } from "../replay/report.ts";
import type { Tally } from "../replay/tally.ts";
import { lineOf } from "./dead-list.ts";
import { EXIT } from "./exit.ts";
import { Lines, printable } from "./terminal.ts";

export interface ReportSettings {
  readonly json: boolean;
  /** Name each one that is done, too; otherwise those only that are not. */
  readonly naming: boolean;
  readonly dryRun: boolean;
}

/** Without `--json`, more dead letters than this are not named one by one. */
const MOST_LINES = 100;
const EVERY_MS = 1_000;

/** Tells what becomes of dead letters: lines about them, how far it is once a second, and totals at the end. */
export class DeadReport {
  readonly #settings: ReportSettings;
  readonly #tally: Tally;
  readonly #out = new Lines(process.stdout);
  readonly #startedAt = performance.now();
  readonly #ticker: NodeJS.Timeout;
  #lines = 0;

  /** The tally is kept by whoever does the work. */
  constructor(settings: ReportSettings, tally: Tally) {
    this.#settings = settings;
    this.#tally = tally;
    this.#ticker = setInterval(() => console.error(this.#progress()), EVERY_MS);
    this.#ticker.unref();
  }

  /** How many more can be named. */
  get room(): number {
    return this.#settings.json ? Number.MAX_SAFE_INTEGER : Math.max(0, MOST_LINES - this.#lines);
  }

  async add({ result, ...facts }: Detail): Promise<void> {
    const { done, told, ...printed } = result;
    if (this.#settings.json) {
      await this.#out.write(JSON.stringify({ ...facts, result: printed }));
    } else if (this.#settings.naming || !done) {
      this.#lines += 1;
      if (this.#lines <= MOST_LINES) await this.#out.write(`${lineOf(facts)}\n    -> ${printable(told)}`);
    }
  }

  /** So many more should have been named, and there was no room for them. */
  omit(count: number): void {
    this.#lines += count;
  }

  /** Prints the totals; what was left undone fails the command. */
  end(stopped: boolean): void {
    this.close();
    if (this.#settings.json) this.#tellOmitted();
    else this.#tellTotals();
    if (stopped) console.error("stopped; run it again to go on");
    if (this.#tally.undone > 0 || stopped) process.exitCode = EXIT.failed;
  }

  #tellTotals(): void {
    const hidden = this.#lines - MOST_LINES;
    if (hidden > 0) console.log(`… and ${hidden} more; --json names each`);
    console.log(`${this.#settings.dryRun ? "dry run: " : ""}${this.#counts()}`);
  }

  /** As JSON every one is printed but those that an answer had no room for. */
  #tellOmitted(): void {
    if (this.#lines > 0) console.error(`${this.#lines} more had no room in the function's answer`);
  }

  close(): void {
    clearInterval(this.#ticker);
  }

  /** The first end always, others where there are any. */
  #counts(): string {
    return Object.entries(this.#tally.totals)
      .filter(([, count], at) => at === 0 || count > 0)
      .map(([type, count]) => `${count} ${type.replaceAll("_", " ")}`)
      .join(", ");
  }

  #progress(): string {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return `${Math.round(seconds)} s: ${this.#counts()} (${Math.round(this.#tally.all / seconds)} a second)`;
  }
}

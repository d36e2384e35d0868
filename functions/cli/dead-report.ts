import type { DeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { facts, lineOf } from "./dead-list.ts";
import type { End } from "./dead-work.ts";
import { EXIT } from "./exit.ts";
import { Lines, printable } from "./terminal.ts";

export interface ReportSettings {
  readonly json: boolean;
  /** Name each one that is done, too; otherwise those only that are not. */
  readonly naming: boolean;
  readonly dryRun: boolean;
  /** What can be counted, in the order of the last line. */
  readonly ends: readonly string[];
}

const MOST_LINES = 100;
const EVERY_MS = 1_000;

/** Tells what becomes of dead letters: lines about them, how far it is once a second, and totals at the end. */
export class DeadReport {
  readonly totals: Record<string, number>;
  readonly #settings: ReportSettings;
  readonly #out = new Lines(process.stdout);
  readonly #startedAt = performance.now();
  readonly #ticker: NodeJS.Timeout;
  #lines = 0;
  #left = 0;

  constructor(settings: ReportSettings) {
    this.#settings = settings;
    this.totals = Object.fromEntries(settings.ends.map((type) => [type, 0]));
    this.#ticker = setInterval(() => console.error(this.#progress()), EVERY_MS);
    this.#ticker.unref();
  }

  async add(letter: DeadLetter, end: End): Promise<void> {
    this.totals[end.type] = (this.totals[end.type] ?? 0) + 1;
    if (!end.done) this.#left += 1;
    if (this.#settings.json) {
      const { done: _done, told: _told, ...result } = end;
      await this.#out.write(JSON.stringify({ ...facts(letter), result }));
    } else if (this.#settings.naming || !end.done) {
      await this.#say(letter, end);
    }
  }

  /** Prints the totals; what was left undone fails the command. */
  end(stopped: boolean): void {
    this.close();
    const hidden = this.#lines - MOST_LINES;
    if (hidden > 0) console.log(`… and ${hidden} more; --json names each`);
    if (!this.#settings.json) console.log(`${this.#settings.dryRun ? "dry run: " : ""}${this.#counts()}`);
    if (stopped) console.error("stopped; run it again to go on");
    if (this.#left > 0 || stopped) process.exitCode = EXIT.failed;
  }

  close(): void {
    clearInterval(this.#ticker);
  }

  async #say(letter: DeadLetter, { told }: End): Promise<void> {
    this.#lines += 1;
    if (this.#lines <= MOST_LINES) await this.#out.write(`${lineOf(letter)}\n    -> ${printable(told)}`);
  }

  /** The first end always, others where there are any. */
  #counts(): string {
    return Object.entries(this.totals)
      .filter(([, count], at) => at === 0 || count > 0)
      .map(([type, count]) => `${count} ${type.replaceAll("_", " ")}`)
      .join(", ");
  }

  #progress(): string {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const all = Object.values(this.totals).reduce((sum, count) => sum + count, 0);
    return `${Math.round(seconds)} s: ${this.#counts()} (${Math.round(all / seconds)} a second)`;
  }
}

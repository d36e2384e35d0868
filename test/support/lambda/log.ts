export interface LogLine {
  readonly function: string;
  readonly environment: string;
  /** The invocation that runs, or for which the environment starts; null between two. */
  readonly requestId: string | null;
  /** `platform`: Lambda's own START, END and REPORT lines. */
  readonly stream: "stdout" | "stderr" | "platform";
  readonly line: string;
}

/** Kept per environment, and for so many environments: what a test asks for is always among the latest. */
const LINES = 1_000;
const ENVIRONMENTS = 100;
/** "the last 4 KB of the execution log" (API reference, Invoke, LogType). */
const TAIL_BYTES = 4_096;

/** What functions print, per environment, the latest of it. */
export class Log {
  readonly #lines = new Map<string, LogLine[]>();
  readonly #listeners = new Set<(line: LogLine) => void>();

  add(line: LogLine): void {
    const kept = this.#lines.get(line.environment) ?? this.#open(line.environment);
    kept.push(line);
    if (kept.length > LINES) kept.shift();
    for (const listener of this.#listeners) listener(line);
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  of(functionName: string): readonly LogLine[] {
    return [...this.#lines.values()].flat().filter((line) => line.function === functionName);
  }

  /** The end of one invocation's output, in base64 as in the header `X-Amz-Log-Result`. */
  tail(environment: string, requestId: string): string {
    const lines = (this.#lines.get(environment) ?? []).filter((line) => line.requestId === requestId);
    const text = Buffer.from(lines.map(({ line }) => `${line}\n`).join(""));
    return text.subarray(-TAIL_BYTES).toString("base64");
  }

  #open(environment: string): LogLine[] {
    const [oldest] = this.#lines.keys();
    if (this.#lines.size >= ENVIRONMENTS && oldest !== undefined) this.#lines.delete(oldest);
    const lines: LogLine[] = [];
    this.#lines.set(environment, lines);
    return lines;
  }
}

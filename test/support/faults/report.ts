import type { TestContext } from "node:test";
import type { TestNats } from "../nats.ts";
import type { Verdict } from "./ledger/verdict.ts";
import { text } from "./scenario.ts";

export interface Row {
  /** What was done, and how often. */
  readonly fault: string;
  readonly times: number;
  readonly nats: Pick<TestNats, "serverVersion">;
  readonly books: Verdict;
  /** `performance.now()` when the fault began. */
  readonly started: number;
}

/** Says a verdict as a row of the table in docs/reliability.md. */
export function reportRow(t: TestContext, { fault, times, nats, books, started }: Row): void {
  const { counted, faults } = books;
  const cells = [
    fault,
    times,
    counted["enqueued"],
    counted["runs"],
    counted["runs interrupted"],
    text(faults),
    `${Math.round((performance.now() - started) / 1_000)} s`,
    `nats-server ${nats.serverVersion}, Node.js ${process.versions.node}`,
  ];
  t.diagnostic(`| ${cells.join(" | ")} |`);
}

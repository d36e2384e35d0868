import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { VARIANTS } from "../../support/faults/variants.ts";
import { startNats } from "../../support/nats.ts";

const ROUNDS = 3;
const MESSAGES_PER_ROUND = 500;
/** Twice the lease and more. */
const FROZEN_MS = 5_000;
const THAWED_MS = 500;

for (const variant of VARIANTS) {
  test(`workers that stand still beyond their leases and then go on cost nothing, ${variant.name}`, async (t) => {
    const nats = await startNats(t);
    const { ledger, workers, verdict } = await startScenario(t, { servers: [nats.url], variant });
    const started = performance.now();

    const enqueued: Promise<void>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      enqueued.push(ledger.enqueue(MESSAGES_PER_ROUND));
      await workers.freeze(round % 3);
      await wait(FROZEN_MS);
      enqueued.push(ledger.enqueue(MESSAGES_PER_ROUND));
      workers.signal(round % 3, "SIGCONT");
      await wait(THAWED_MS);
    }
    await Promise.all(enqueued);
    const books = await verdict({ deaths: "none", leasesLost: true, standstills: ROUNDS });

    reportRow(t, { fault: `SIGSTOP for 5 s, then SIGCONT, ${variant.name}`, times: ROUNDS, nats, books, started });
    assertBalanced(books);
  });
}

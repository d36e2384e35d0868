import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { LONG } from "../../support/faults/form.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { VARIANTS } from "../../support/faults/variants.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = LONG ? 200_000 : 3_000;
const WORKERS = LONG ? 4 : 3;
/**
 * A partition stays with its owner until the owner's lease is over: killed faster than that, workers of an ordered job
 * would hardly come to run anything, and a kill would show nothing.
 */
const UNORDERED_PACE = { kills: LONG ? 1_000 : 40, everyMs: 500 };
const ORDERED_PACE = { kills: LONG ? 200 : 8, everyMs: 5_000 };

const SLICE_MS = 100;
const LONGEST_RUN_MS = 250;
/**
 * With a kill every half second and leases of two seconds an innocent message meets one kill after another: of 200,000 some
 * forty were given up as CRASHED after five, twenty of them with their effect made. Nothing is to be given up here but poison.
 */
const HARDENED = { attempts: 15, crashes: 15 };

for (const variant of VARIANTS) {
  test(`workers killed with SIGKILL again and again lose nothing and repeat no effect, ${variant.name}`, async (t) => {
    const nats = await startNats(t);
    const { ledger, workers, verdict } = await startScenario(t, {
      ...{ servers: [nats.url], workers: WORKERS, variant },
      plan: { longestRunMs: LONGEST_RUN_MS },
      retry: HARDENED,
    });
    const { kills, everyMs } = variant.ordered ? ORDERED_PACE : UNORDERED_PACE;
    const started = performance.now();

    const enqueued: Promise<void>[] = [];
    while (workers.kills < kills) {
      // Little by little, so that a kill finds some running.
      for (let sliceMs = 0; sliceMs < everyMs; sliceMs += SLICE_MS) {
        enqueued.push(ledger.enqueue(Math.ceil((MESSAGES * SLICE_MS) / (kills * everyMs))));
        await wait(SLICE_MS);
      }
      await workers.killNext();
    }
    await Promise.all(enqueued);
    const books = await verdict({ deaths: "workers" });

    reportRow(t, {
      fault: `SIGKILL of ${WORKERS} workers in turn, ${variant.name}`,
      times: workers.kills,
      nats,
      books,
      started,
    });
    assert.ok((books.counted["runs interrupted"] ?? 0) > 0, "no kill hit a run: the test shows nothing");
    assertBalanced(books);
  });
}

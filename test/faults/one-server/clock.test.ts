import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { steppableClock } from "../../support/faults/clock.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { makeFolder } from "../../support/folder.ts";
import { startNats } from "../../support/nats.ts";

const TEN_MINUTES = 600;
/** What the clocks of the first two workers are stepped to, in turn; the third keeps the true time. */
const STEPS: readonly (readonly [number, number])[] = [
  [TEN_MINUTES, 0],
  [TEN_MINUTES, -TEN_MINUTES],
  [-TEN_MINUTES, TEN_MINUTES],
  [0, 0],
];
const MESSAGES_PER_STEP = 400;
const BETWEEN_MS = 2_500;

test("wall clocks of workers stepped by ten minutes, forward and back, change nothing", async (t) => {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  const clocks = await Promise.all([steppableClock(join(folder, "0")), steppableClock(join(folder, "1"))]);
  const { ledger, verdict } = await startScenario(t, {
    servers: [nats.url],
    // Long enough to be waited for in the delayed stream: whoever releases it reads a clock.
    retry: { delay: "1s", parkAfter: "500ms" },
    env: (worker) => clocks[worker]?.env ?? {},
  });
  const started = performance.now();

  const enqueued: Promise<void>[] = [];
  for (const seconds of STEPS) {
    enqueued.push(ledger.enqueue(MESSAGES_PER_STEP));
    await Promise.all(clocks.map((clock, index) => clock.step(seconds[index] ?? 0)));
    await wait(BETWEEN_MS);
  }
  await Promise.all(enqueued);
  const books = await verdict({ deaths: "none" });

  const how = clocks[0]?.how ?? "";
  reportRow(t, { fault: `clock stepped by 10 min (${how})`, times: STEPS.length, nats, books, started });
  assertBalanced(books);
});

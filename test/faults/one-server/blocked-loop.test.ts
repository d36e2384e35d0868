import { test } from "node:test";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 1_200;
const SPIN_MS = 5_000;
/** Far apart, so that one worker at a time is blocked. */
const SPINNING = [100, 700];

test("a handler that blocks its worker's event loop beyond the lease costs the messages beside it nothing", async (t) => {
  const nats = await startNats(t);
  const { ledger, verdict } = await startScenario(t, {
    servers: [nats.url],
    plan: { spinning: SPINNING, spinMs: SPIN_MS },
  });
  const started = performance.now();

  await ledger.enqueue(MESSAGES / 2);
  await ledger.settled();
  await ledger.enqueue(MESSAGES / 2);
  const books = await verdict({ deaths: "none", leasesLost: true });

  reportRow(t, {
    fault: `event loop blocked for ${SPIN_MS / 1_000} s, lease 2 s`,
    times: SPINNING.length,
    nats,
    books,
    started,
  });
  assertBalanced(books);
});

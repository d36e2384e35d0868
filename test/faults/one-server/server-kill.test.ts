import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { VARIANTS } from "../../support/faults/variants.ts";
import { startNats } from "../../support/nats.ts";

const KILLS = 6;
const MESSAGES_PER_KILL = 500;
const UP_MS = 1_500;
const AWAY_MS = 500;

for (const variant of VARIANTS) {
  test(`a server killed with SIGKILL and started again loses nothing and repeats no effect, ${variant.name}`, async (t) => {
    const nats = await startNats(t);
    const { ledger, verdict } = await startScenario(t, {
      servers: [nats.url],
      variant,
      retry: { policy: "exponential", delay: "50ms", maxDelay: "1s", attempts: 10 },
    });
    const started = performance.now();

    const enqueued: Promise<void>[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      enqueued.push(ledger.enqueue(MESSAGES_PER_KILL));
      await wait(UP_MS);
      await nats.server.kill("SIGKILL");
      await wait(AWAY_MS);
      await nats.server.restart();
    }
    await Promise.all(enqueued);
    const resurrects = nats.serverVersion.startsWith("2.9.");
    const books = await verdict({ deaths: "servers", serverDeaths: KILLS, resurrects });

    reportRow(t, { fault: `server killed and restarted, ${variant.name}`, times: KILLS, nats, books, started });
    assertBalanced(books);
  });
}

import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { compareVersions } from "../../../shared/nats-server/binary.ts";
import { Cluster } from "../../support/faults/cluster.ts";
import { LONG } from "../../support/faults/form.ts";
import { IN } from "../../support/faults/ledger/ledger.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, PATIENT, startScenario } from "../../support/faults/scenario.ts";
import { VARIANTS } from "../../support/faults/variants.ts";

const KILLS = LONG ? 15 : 2;
const MESSAGES_PER_KILL = LONG ? 2_000 : 400;
/** From one kill to the next at least; a node that is not current yet takes longer. */
const EVERY_MS = LONG ? 20_000 : 5_000;
const AWAY_MS = 2_000;
/** What clusters survive is promised for newer servers only, and older ones are not tried. */
const OLDEST_VERSION = "2.11.0";

for (const variant of VARIANTS) {
  test(`a cluster whose stream leader is killed again and again loses nothing and repeats no effect, ${variant.name}`, async (t) => {
    const cluster = await Cluster.start(t);
    if (compareVersions(cluster.serverVersion, OLDEST_VERSION) < 0) {
      t.skip(`nats-server ${cluster.serverVersion}: clusters are tried from ${OLDEST_VERSION} on`);
      return;
    }
    const scenario = await startScenario(t, {
      servers: cluster.urls,
      variant,
      replicas: 3,
      // Runs are thwarted for as long as an election lasts, so nothing may be made to fail for good meanwhile.
      plan: { poisonEvery: 0 },
      retry: PATIENT,
    });
    const { ledger, verdict } = scenario;
    const jsm = await scenario.outputs.jetstreamManager();
    const started = performance.now();

    const enqueued: Promise<void>[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      await cluster.current(jsm, IN);
      enqueued.push(ledger.enqueue(MESSAGES_PER_KILL));
      await cluster.killLeader(jsm, IN, AWAY_MS);
      await wait(EVERY_MS - AWAY_MS);
    }
    await Promise.all(enqueued);
    await cluster.current(jsm, IN);
    const books = await verdict({ deaths: "servers", serverDeaths: KILLS });

    reportRow(t, {
      fault: `leader of an R3 stream killed, ${variant.name}`,
      times: KILLS,
      nats: cluster,
      books,
      started,
    });
    assertBalanced(books);
  });
}

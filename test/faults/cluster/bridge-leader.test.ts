import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect } from "nats";
import { compareVersions } from "../../../shared/nats-server/binary.ts";
import { STREAM } from "../../support/faults/bridge/books.ts";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { Cluster } from "../../support/faults/cluster.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

const AWAY_MS = 2_000;
/** What clusters survive is promised for newer servers only, and older ones are not tried. */
const OLDEST_VERSION = "2.11.0";

test("a bridge whose stream's leader is killed in a cluster loses nothing and stores nothing twice", async (t) => {
  const cluster = await Cluster.start(t);
  if (compareVersions(cluster.serverVersion, OLDEST_VERSION) < 0) {
    t.skip(`nats-server ${cluster.serverVersion}: clusters are tried from ${OLDEST_VERSION} on`);
    return;
  }
  const connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  t.after(() => connection.close());
  const jsm = await connection.jetstreamManager();
  const { sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 2_500,
    storage: { servers: cluster.urls, jsm },
    stream: { replicas: 3 },
  });
  await startBridge();
  await cluster.current(jsm, STREAM);

  const sending = sender.send(2_500, 500);
  await wait(500);
  await cluster.killLeader(jsm, STREAM, AWAY_MS);
  await sending;
  await cluster.current(jsm, STREAM);

  const balance = await books.balance();
  books.report(t, "leader of an R3 stream killed", balance, cluster.serverVersion);
  assert.deepEqual([balance.missing, balance.shed], [[], {}]);
});

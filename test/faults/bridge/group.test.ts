import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

/** The broker learns of a death when the system closes the dead one's socket. */
const NOTICED_WITHIN_MS = 1_000;
/** The bridges keep up when fewer wait for them: a tenth of a second. On a busy machine what one holds may be older than that. */
const KEEPS_UP = 50;
/** Of a rolling restart: so many are sent before it is asked whether it is over. */
const WAVE = 500;

for (const size of [1, 2, 3]) {
  test(`SIGKILL of one of a queue group's ${size} bridges loses only what it held, or what is sent while there is none`, async (t) => {
    const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 2_000 });
    const [victim] = await Promise.all(Array.from({ length: size }, startBridge));

    const sending = sender.send(2_000, 500);
    await wait(1_500);
    await eventually(async () => {
      const behind = sender.sent.size - (await books.sum("received_total")) + (await books.sum("validating"));
      assert.ok(behind < KEEPS_UP, `${behind} messages wait for the bridges`);
    });
    const from = performance.now();
    victim?.child.kill("SIGKILL");
    if (size === 1) await startBridge();
    const to = size === 1 ? performance.now() : from + NOTICED_WITHIN_MS;
    await sending;

    const balance = await books.balance();
    books.report(t, `SIGKILL of one of ${size} bridges`, balance, broker.serverVersion);
    const outside = balance.missing.filter((n) => {
      const at = sender.sent.get(n) ?? 0;
      return at < from - NOTICED_WITHIN_MS || at > to;
    });
    assert.deepEqual([outside, balance.shed, balance.disconnects], [[], {}, 0]);
  });
}

test("a rolling restart of a queue group's bridges loses nothing, at 2,000 messages a second where the machine can", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 20_000,
    bridge: { shutdownTimeout: "60s" }, // a busy machine may be behind by seconds of that rate
  });
  const old = await Promise.all([startBridge(), startBridge()]);

  const began = performance.now();
  let isOver = false;
  const sending = (async () => {
    while (!isOver && sender.remaining > 0) await sender.send(WAVE, 2_000);
    return Math.round(sender.sent.size / ((performance.now() - began) / 1_000));
  })();
  const remaining: number[] = [];
  for (const { child, ended } of old) {
    await wait(1_000);
    remaining.push(sender.remaining);
    child.kill("SIGTERM");
    assert.equal((await ended).code, 0, "it did not end by itself with nothing left");
    await startBridge();
  }
  isOver = true;
  const rate = await sending;

  const balance = await books.balance();
  books.report(t, `rolling restart of 2 bridges, ${rate}/s`, balance, broker.serverVersion);
  assert.deepEqual([balance.missing.length, balance.shed], [0, {}]);
  assert.ok(
    remaining.every((left) => left > 0),
    "a bridge was ended when all was sent: the test shows little",
  );
});

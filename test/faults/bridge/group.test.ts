import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

/** The broker learns of a death when the system closes the dead one's socket. */
const NOTICED_WITHIN_MS = 1_000;

for (const size of [1, 2, 3]) {
  test(`SIGKILL of one of a queue group's ${size} bridges loses only what it held, or what is sent while there is none`, async (t) => {
    const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 2_000 });
    const [victim] = await Promise.all(Array.from({ length: size }, startBridge));

    const sending = sender.send(2_000, 500);
    await wait(1_500);
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

test("a rolling restart of a queue group's bridges under 2,000 messages a second loses nothing", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 16_000 });
  const old = await Promise.all([startBridge(), startBridge()]);

  const began = performance.now();
  const sending = sender.send(16_000, 2_000);
  const restartedAt: number[] = [];
  for (const { child, ended } of old) {
    await wait(1_000);
    restartedAt.push(sender.remaining);
    child.kill("SIGTERM");
    assert.equal((await ended).code, 0, "it did not end by itself with nothing left");
    await startBridge();
  }
  await sending;
  const rate = Math.round(16_000 / ((performance.now() - began) / 1_000));

  const balance = await books.balance();
  books.report(t, `rolling restart of 2 bridges, ${rate}/s`, balance, broker.serverVersion);
  assert.deepEqual([balance.missing.length, balance.shed], [0, {}]);
  assert.ok(
    restartedAt.every((remaining) => remaining > 0),
    "a restart came when all was sent: the test shows little",
  );
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { choriaBinary } from "../support/choria/program/binary.ts";
import { documented, REGISTRATIONS, type Scene, startScene } from "../support/choria/scene/scene.ts";
import { eventually } from "../support/eventually.ts";

const binary = await choriaBinary(process.env);
const skip = binary.ok ? false : binary.reason;
const PATIENCE = { timeoutMs: 60_000 };

async function setup(t: TestContext, flags: string) {
  assert.ok(binary.ok);
  const scene = await startScene(t, "v2", binary.path, flags);
  await scene.network.startNode("node01.fleet.test", { provider: "file_content", compressed: false });
  return scene;
}

/** The documented flags, for a life of another length. */
const livingFor = (validity: string): string => documented.flags.replace(/--validity \S+/, `--validity ${validity}`);

/** Resolves once a message is stored that was not when it was called. */
const storesAgain = async ({ jsm }: Scene) => {
  const stored = async () => (await jsm.streams.info("REGISTRATIONS")).state.messages;
  const before = await stored();
  await eventually(async () => assert.ok((await stored()) > before, "nothing is stored"), PATIENCE);
};

test("v2: an expired token is refused at the next reconnect and named; a renewed one is used without a restart", {
  skip,
}, async (t) => {
  const scene = await setup(t, documented.flags);
  const { network, bridge } = scene;
  await storesAgain(scene);
  await network.broker.stop();
  await network.shell(documented.renew(livingFor("1s")));
  const expiresAt = await expiry(join(network.pki, "bridge.jwt"));
  await eventually(() => assert.ok(Date.now() > expiresAt, "the token lives on"));
  await network.broker.start();
  await eventually(() => assert.match(bridge.output.stderr, /token of choria=bridge[^\n]*expired/), PATIENCE);
  assert.equal((await bridge.readiness()).ready, false);

  await network.shell(documented.renew(livingFor("1h")));

  await storesAgain(scene);
  assert.equal((await bridge.readiness()).ready, true);
});

test("v2: a token that does not allow a subject leaves the bridge not ready, which names subject and flag and needs no restart when they are granted", {
  skip,
}, async (t) => {
  const scene = await setup(t, documented.flags.replace(`--subscribe ${REGISTRATIONS}`, ""));
  const { network, bridge } = scene;

  await eventually(async () => {
    const { ready, reasons } = await bridge.readiness();
    assert.equal(ready, false);
    assert.match(reasons, /choria jwt client [^\n]*--subscribe 'mcollective\.broadcast\.agent\.registration'/);
  });

  await network.shell(documented.renew(livingFor("1h")));
  await storesAgain(scene);
  assert.deepEqual(await bridge.readiness(), { ready: true, reasons: "ready\n" });
});

/** Milliseconds since 1970, by the token itself. */
async function expiry(tokenFile: string): Promise<number> {
  const [, claims = ""] = (await readFile(tokenFile, "utf8")).split(".");
  return JSON.parse(Buffer.from(claims, "base64url").toString("utf8")).exp * 1_000;
}

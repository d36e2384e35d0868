import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { ChoriaNetwork } from "../support/choria/network.ts";
import { choriaBinary } from "../support/choria/program/binary.ts";
import { BRIDGE_FLAGS, REGISTRATIONS, type Scene, startScene } from "../support/choria/scene/scene.ts";
import { TokenAuthority } from "../support/choria/tokens.ts";
import { eventually } from "../support/eventually.ts";

const binary = await choriaBinary(process.env);
const skip = binary.ok ? false : binary.reason;
const PATIENCE = { timeoutMs: 60_000 };

async function setup(t: TestContext, flags: readonly string[]) {
  assert.ok(binary.ok);
  const scene = await startScene(t, "v2", binary.path, flags);
  await scene.network.startNode("node01.fleet.test", { provider: "file_content", compressed: false });
  return scene;
}

/** A new token for the bridge, in the file it was started with. */
async function renewToken({ authority }: ChoriaNetwork, flags: readonly string[]): Promise<void> {
  assert.ok(authority instanceof TokenAuthority);
  await authority.renew("bridge", flags);
}

/** Resolves once a message is stored that was not when it was called. */
const storesAgain = async ({ jsm }: Scene) => {
  const stored = async () => (await jsm.streams.info("REGISTRATIONS")).state.messages;
  const before = await stored();
  await eventually(async () => assert.ok((await stored()) > before, "nothing is stored"), PATIENCE);
};

test("v2: an expired token is refused at the next reconnect and named; a renewed one is used without a restart", {
  skip,
}, async (t) => {
  const scene = await setup(t, BRIDGE_FLAGS);
  const { network, bridge } = scene;
  await storesAgain(scene);
  await network.broker.stop();
  await renewToken(network, [...BRIDGE_FLAGS, "--validity", "1s"]);
  const expiresAt = await expiry(`${network.folder}/pki/bridge.jwt`);
  await eventually(() => assert.ok(Date.now() > expiresAt, "the token lives on"));
  await network.broker.start();
  await eventually(() => assert.match(bridge.output.stderr, /token of choria=bridge[^\n]*expired/), PATIENCE);
  assert.equal((await bridge.readiness()).ready, false);

  await renewToken(network, [...BRIDGE_FLAGS, "--validity", "1h"]);

  await storesAgain(scene);
  assert.equal((await bridge.readiness()).ready, true);
});

test("v2: a token that does not allow a subject leaves the bridge not ready, which names subject and flag and needs no restart when they are granted", {
  skip,
}, async (t) => {
  const at = BRIDGE_FLAGS.indexOf(REGISTRATIONS);
  const scene = await setup(t, BRIDGE_FLAGS.toSpliced(at - 1, 2));
  const { network, bridge } = scene;

  await eventually(async () => {
    const { ready, reasons } = await bridge.readiness();
    assert.equal(ready, false);
    assert.match(reasons, /choria jwt client [^\n]*--subscribe 'mcollective\.broadcast\.agent\.registration'/);
  });

  await renewToken(network, [...BRIDGE_FLAGS, "--validity", "1h"]);
  await storesAgain(scene);
  assert.deepEqual(await bridge.readiness(), { ready: true, reasons: "ready\n" });
});

/** Milliseconds since 1970, by the token itself. */
async function expiry(tokenFile: string): Promise<number> {
  const [, claims = ""] = (await readFile(tokenFile, "utf8")).split(".");
  return JSON.parse(Buffer.from(claims, "base64url").toString("utf8")).exp * 1_000;
}

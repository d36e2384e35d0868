import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../../support/folder.ts";
import { provideNode } from "../../support/lambda/node.ts";
import { cacheDir } from "../../support/nats.ts";
import { setup } from "./setup.ts";

test("functions run on the Node.js of the Lambda runtime, whichever runs the emulator", async (t) => {
  const node = await provideNode(24, cacheDir, (line) => t.diagnostic(line));
  assert.ok(node.ok, node.ok ? "" : node.reason);
  const { invoke } = await setup(t, [{ name: "echo" }], { node: node.path });

  const { result } = await invoke("echo");

  assert.equal(result.node, `v${node.version}`);
  assert.match(result.node, /^v24\./);
  assert.equal(result.env.AWS_EXECUTION_ENV, "AWS_Lambda_nodejs24.x");
});

test("the running Node.js is used if it is of that major version", async (t) => {
  const told: string[] = [];
  const major = Number(process.versions.node.split(".")[0]);

  const node = await provideNode(major, await makeFolder(t), (line) => told.push(line));

  assert.deepEqual(node, { ok: true, path: process.execPath, version: process.versions.node });
  assert.match(told.join(), /the running one/);
});

test("what cannot be had is told with the reason", async (t) => {
  const folder = await makeFolder(t);

  const unknown = await provideNode(19, folder, () => {});

  assert.deepEqual(unknown, { ok: false, reason: "no release of Node.js 19 is pinned" });
});

test("two processes that want it at once both get it", async () => {
  const node = await provideNode(24, cacheDir, () => {});
  assert.ok(node.ok, node.ok ? "" : node.reason);

  const both = await Promise.all([1, 2].map(() => provideNode(24, cacheDir, () => {})));

  assert.deepEqual(both, [node, node]);
  if (node.path.startsWith(cacheDir)) {
    assert.deepEqual(await readdir(join(cacheDir, "node-24", node.version)), ["node"]);
  }
});

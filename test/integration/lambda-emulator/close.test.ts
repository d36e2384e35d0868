import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { processState, setup } from "./setup.ts";

test("close() ends frozen, busy and starting environments, and open calls", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "count" }, { name: "hold" }, { name: "nothing" }]);
  await invoke("count");
  const busy = assert.rejects(invoke("hold", { file: "/never" }));
  await eventually(() => assert.equal(emulator.environments("hold")[0]?.state, "busy"));
  const starting = assert.rejects(invoke("nothing"));
  await eventually(() => assert.equal(emulator.running("nothing"), 1));
  const pids = ["count", "hold"].map((name) => emulator.environments(name)[0]?.pid);
  assert.ok(pids.every((pid) => processState(pid) !== null));

  await emulator.close();

  assert.deepEqual(pids.map(processState), [null, null]);
  await Promise.all([busy, starting]);
  for (const name of ["count", "hold", "nothing"]) assert.deepEqual(emulator.environments(name), []);
  assert.equal(emulator.running("nothing"), 0);
});

const HOST = fileURLToPath(new URL("host.ts", import.meta.url));

/** An emulator in a process of its own, with one frozen environment. */
async function startHost(folder: string) {
  const args = ["--import", "tsx", HOST, folder];
  const host = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: host.stdout }), "line");
  const pid = Number(line);
  await eventually(() => assert.equal(processState(pid), "T"));
  return { host, pid };
}

for (const [how, end] of [
  ["ends by itself", (host: ReturnType<typeof spawn>) => host.stdin?.end()],
  ["is killed with -9", (host: ReturnType<typeof spawn>) => host.kill("SIGKILL")],
] as const) {
  test(`frozen environments go when the emulator's process ${how} without close()`, async (t) => {
    const { folder } = await setup(t, []);
    const { host, pid } = await startHost(folder);
    t.after(() => host.kill("SIGKILL"));

    end(host);
    await once(host, "exit");

    await eventually(() => assert.equal(processState(pid), null));
  });
}

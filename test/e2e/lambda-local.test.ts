import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("npm run lambda says how to feed it, and what is sent is processed by functions that dispatcher and schedule wake", async (t) => {
  const args = ["--import", "tsx", "scripts/lambda/local/main.ts", "--schedule", "2s"];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const command = await eventually(
    () => {
      const found = /npx choria-bridge (simulate.*)/.exec(output)?.[1];
      assert.ok(found !== undefined, "it does not say how to send something");
      return found.split(" ");
    },
    { timeoutMs: 120_000 },
  );

  const fleet = await runCli([...command, "--nodes", "20", "--interval", "1", "--bad", "0", "--for", "4s", "--json"]);
  assert.equal(fleet.code, 0, fleet.stderr);
  const { sent } = JSON.parse(fleet.stdout);
  await eventually(() => assert.match(output, /by dispatcher [1-9]\d*, by schedule [1-9]\d*, running 0/));
  child.kill("SIGTERM");
  const [code] = await exited;

  assert.equal(code, 0);
  const [, stored, processed] = /stored (\d+), processed (\d+) by \d+ drains/.exec(output) ?? [];
  assert.equal(Number(stored), sent, output.slice(-2_000));
  assert.ok(Number(processed) >= sent, output.slice(-2_000)); // its store is kept, and may hold what an earlier one left
});

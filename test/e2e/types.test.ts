import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import ts from "typescript";
import { root } from "../support/imports.ts";

const run = promisify(execFile);

const SOURCE = `
import { defineHandler, retryAfter } from "choria-bridge/handler";
import { openProducer } from "choria-bridge/producer";
import { runOne } from "choria-bridge/testing";
import * as z from "zod";

export const inventory = defineHandler({
  name: "inventory",
  input: z.object({ facts: z.object({ os: z.string() }) }),
  run: async (message, context) => {
    if (context.attempt > 3) return retryAfter(1_000);
    await context.publish("nodes", { body: message.data.facts.os });
  },
});
const producer = await openProducer({ configFile: "bridge.yaml", job: "inventory" });
await producer.enqueue(inventory, { facts: { os: "linux" } });
await runOne(inventory, { facts: { os: "linux" } });
`;

test("the packed package carries types that know what a handler is given", async (t) => {
  const target = `.build/types-${process.pid}`;
  const folder = join(root, target);
  t.after(() => rm(folder, { recursive: true, force: true }));
  await run(process.execPath, ["scripts/build.mjs", target], {
    cwd: root,
    env: { ...process.env, npm_command: "pack" },
  });
  await mkdir(join(folder, "user"));
  const sources = { "right.ts": SOURCE, "wrong.ts": SOURCE.replaceAll("facts.os", "facts.kernel") };
  for (const [name, source] of Object.entries(sources)) await writeFile(join(folder, "user", name), source);

  const found = problems(
    Object.keys(sources).map((name) => join(folder, "user", name)),
    folder,
  );

  assert.ok(found.length > 0, "nothing is wrong");
  for (const problem of found) assert.match(problem, /^wrong\.ts: .*Property 'kernel' does not exist/s);
});

/** Of each, with the name of its file. */
function problems(files: readonly string[], folder: string): string[] {
  const program = ts.createProgram([...files], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ["node"],
    paths: {
      "choria-bridge/handler": [join(folder, "shared/jobs/handler.d.ts")],
      "choria-bridge/producer": [join(folder, "functions/producer/producer.d.ts")],
      "choria-bridge/testing": [join(folder, "functions/consumer/testing/testing.d.ts")],
    },
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${basename(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

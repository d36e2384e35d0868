import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import ts from "typescript";
import { root } from "../support/imports.ts";

const run = promisify(execFile);

/** What users import, and the file it is in a checkout. */
const ENTRIES: Readonly<Record<string, string>> = {
  "choria-bridge/handler": "shared/jobs/handler.ts",
  "choria-bridge/producer": "functions/producer/producer.ts",
  "choria-bridge/testing": "functions/consumer/testing/testing.ts",
};

test("the entries that the documentation imports are those of the package", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

  for (const [entry, file] of Object.entries(ENTRIES)) {
    const built = `./dist/${file.replace(/\.ts$/, "")}`;
    assert.deepEqual(exports[entry.replace("choria-bridge", ".")], { types: `${built}.d.ts`, default: `${built}.js` });
  }
});

test("every block of code about handlers has the types it claims", async (t) => {
  const files = await writeBlocks(t, ["docs/handlers.md", "docs/testing.md"]);

  assert.ok(files.length >= 6, "the blocks are still found");
  assert.deepEqual(problemsOf(files), []);
});

test("the types refuse what the documentation says does not fit", async (t) => {
  const folder = await makeFolder(t);
  const wrong = `
    import * as z from "zod";
    import { defineHandler } from "choria-bridge/handler";
    import { openProducer } from "choria-bridge/producer";
    const handler = defineHandler({
      name: "h",
      input: z.object({ host: z.string() }),
      output: z.object({ os: z.string() }),
      run: async (message, context) => {
        message.data.nope;
        await context.publish("out", { data: { os: 1 } });
      },
    });
    const producer = await openProducer({ configFile: "x", job: "j" });
    await producer.enqueue(handler, { host: 1 });
  `;
  const file = write(folder, "wrong.ts", wrong);

  const problems = problemsOf([file]);

  assert.deepEqual(
    problems.map((problem) => problem.replace(/:.*$/s, "")),
    ["wrong.ts 10", "wrong.ts 11", "wrong.ts 15"],
  );
});

test("the example of docs/testing.md passes", async (t) => {
  const [file = ""] = await writeBlocks(t, ["docs/testing.md"]);

  const { stdout } = await run(process.execPath, ["--import", "tsx", "--test", "--test-reporter=tap", file], {
    cwd: root,
    env: withoutTestContext(),
  });

  assert.match(stdout, /^# pass 3$/m);
  assert.match(stdout, /^# fail 0$/m);
});

async function writeBlocks(t: TestContext, documents: readonly string[]): Promise<readonly string[]> {
  const folder = await makeFolder(t);
  return documents.flatMap((document) => {
    const text = readFileSync(join(root, document), "utf8");
    const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)];
    const name = document.replace(/^.*\//, "").replace(".md", "");
    return blocks.map(([, code = ""], index) => write(folder, `${name}-${index}.ts`, code));
  });
}

/** Inside the project, so that packages and types are found as in a user's own. */
async function makeFolder(t: TestContext): Promise<string> {
  mkdirSync(join(root, ".build"), { recursive: true });
  const folder = await mkdtemp(join(root, ".build", "docs-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function write(folder: string, name: string, code: string): string {
  const file = join(folder, name);
  const entries = /from "(choria-bridge\/\w+)"/g;
  writeFileSync(
    file,
    code.replace(entries, (_all, entry: string) => `from "../../${ENTRIES[entry] ?? entry}"`),
  );
  return file;
}

function problemsOf(files: readonly string[]): readonly string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => readFileSync(path, "utf8"));
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const program = ts.createProgram(files, options);
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText, start = 0 }) => {
      const line = source === undefined ? 0 : source.getLineAndCharacterOfPosition(start).line + 1;
      return `${file.replace(/^.*\//, "")} ${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
}

/** A test that runs tests would otherwise report to the one above it. */
function withoutTestContext(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env;
  return env;
}

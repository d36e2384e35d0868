import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runCli } from "../support/cli.ts";
import { makeConfigValue } from "../support/config.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";

/** Every command that runs on a configuration refuses a bad one in the same way. */
const COMMANDS: readonly (readonly string[])[] = [
  ["bridge", "--config"],
  ["worker", "--config"],
  ["drain", "--config"],
  ["start", "--config"],
  ["streams", "check", "--config"],
  ["quarantine", "ls", "--config"],
  ["config", "check"],
];

function runEach(file: string, commands = COMMANDS) {
  return Promise.all(commands.map(async (args) => ({ args, ...(await runCli([...args, file])) })));
}

async function makeBroken(t: TestContext): Promise<string> {
  const { connections, trust, streams } = makeConfigValue();
  return writeYaml(await makeFolder(t), {
    connections,
    conections: connections,
    trust: { ...(trust as object), v1: { ca: "no/such/ca.pem", nodes: ["[a-z"] } },
    ingest: { reg: { connection: "mian", subject: "x", kind: "registration", to: ["inventroy"], prof: "none" } },
    streams: { ...(streams as object), audit: { connection: "nowhere", subject: "audit.{sender}" } },
    jobs: { copy: { stream: "inventory", sink: "nodes", timeout: "soon" } },
  });
}

/** Path of each problem, and what has to be said about it. */
const PROBLEMS: Readonly<Record<string, RegExp>> = {
  conections: /connections/,
  "trust.v1.ca": /cannot be read.*no\/such\/ca\.pem/,
  "trust.v1.nodes[0]": /\[a-z/,
  "ingest.reg.connection": /mian.*main/,
  "ingest.reg.to[0]": /inventroy.*inventory/,
  "ingest.reg.prof": /proof/,
  "streams.audit.connection": /nowhere/,
  "jobs.copy.timeout": /soon/,
  "jobs.copy.sink": /nodes/,
};

test("every command says all that is wrong with a configuration at once, each with file and path, and exits with 2", async (t) => {
  const file = await makeBroken(t);

  const results = await runEach(file);

  for (const { args, code, stdout, stderr } of results) {
    assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
    const lines = stderr.trim().split("\n");
    assert.equal(lines.length, Object.keys(PROBLEMS).length, stderr);
    for (const [path, says] of Object.entries(PROBLEMS)) {
      const line = lines.find((one) => one.includes(` ${path}: `));
      assert.ok(line?.startsWith(`${file}:`), `${path} is not among them: ${stderr}`);
      assert.match(line ?? "", says);
    }
  }
});

test("config check --json has the same problems as data", async (t) => {
  const file = await makeBroken(t);

  const { code, stdout } = await runCli(["config", "check", file, "--json"]);

  const { ok, problems } = JSON.parse(stdout);
  assert.deepEqual([code, ok], [2, false]);
  assert.deepEqual(problems.map(({ path }: { path: string }) => path).sort(), Object.keys(PROBLEMS).sort());
});

test("a file that cannot be read as a configuration is named with the reason", async (t) => {
  const folder = await makeFolder(t);
  const path = (name: string) => join(folder, name);
  await mkdir(path("folder"));
  await writeFile(path("broken.yaml"), "connections: {\n");
  await writeFile(path("binary.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
  await writeFile(path("list.yaml"), "- a\n- b\n");
  const cases: readonly (readonly [name: string, says: RegExp])[] = [
    ["missing.yaml", /does not exist/],
    ["folder", /cannot be read \(EISDIR\)/],
    ["broken.yaml", /:2\b/],
    ["binary.yaml", /no UTF-8/],
    ["list.yaml", /./],
  ];

  for (const [name, says] of cases) {
    for (const { args, code, stderr } of await runEach(path(name), COMMANDS.slice(0, 1))) {
      assert.equal(code, 2, `${args.join(" ")} ${name}: ${stderr}`);
      assert.ok(stderr.startsWith(path(name)), stderr);
      assert.match(stderr, says);
    }
  }
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { deadLetterConfig, publishManyDead } from "../support/dead-letters.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { awsEnvironment, startFunctions } from "../support/functions.ts";
import { startNats } from "../support/nats.ts";

const FUNCTION = "test-replay";

/** The packaged function `replay`, the work queue JOBS of its configuration, and a machine that reaches the function only. */
async function setup(t: TestContext) {
  const nats = await startNats(t);
  const [folder, connection, jsm] = await Promise.all([makeFolder(t), nats.connect(), nats.jsm()]);
  const value = deadLetterConfig(nats.url, { ackWait: "30s", timeout: "5s" });
  const file = await writeYaml(folder, value);
  const applied = await runCli(["streams", "apply", "--config", file]);
  assert.equal(applied.code, 0, applied.stdout + applied.stderr);
  const outdir = join(folder, "lambda");
  const deployed = { timeoutMs: 120_000 };
  const lambda = await startFunctions(t, { config: file, outdir, deploy: { replay: deployed, consumer: deployed } });
  const aws = awsEnvironment(lambda.endpoint);
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  return {
    nats,
    jsm,
    lambda,
    /** Reaches the functions. */
    aws,
    die: (count: number, changes: Readonly<Record<string, string>> = {}, first = 1) =>
      publishManyDead(connection.jetstream(), count, changes, first),
    counts: async () => [await messages("JOBS"), await messages("CHORIA_DEAD")],
    here: (...args: string[]) => runCli(["dead", "replay", ...args, "--config", file]),
    there: (args: readonly string[], env: Record<string, string> = {}) =>
      runCli(["dead", "replay", ...args], { ...aws, ...env }),
  };
}

/** What a program sees of a command. */
const seen = ({ code, stdout }: CliResult) => ({ code, stdout });
const jsonLines = (text: string): readonly { readonly sequence: number }[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
/** What people see on standard error, without what Node and the AWS SDK say about themselves. */
const told = ({ stderr }: CliResult): string[] =>
  stderr.split("\n").filter((line) => /^choria-bridge: |^there is no |^stopped/.test(line));

test("what a replay through the function prints and how it ends is what the local command prints", async (t) => {
  const { die, here, there, counts } = await setup(t);
  await die(2);
  await die(1, { "Job-Replays": "3" }, 3);
  await die(1, { "Dead-Stream": "GONE", "Dead-Error": "\u009b31mred" }, 4);
  await die(120, { "Dead-Job": "other", "Dead-Stream": "GONE" }, 5);
  const through = ["--function", FUNCTION];

  for (const args of [
    ["--all", "--dry-run"],
    ["--all", "--dry-run", "--json"],
    ["--job", "other", "--limit", "3"],
    ["99", "3", "--dry-run"],
    ["--id", "nobody"],
    ["--older-than", "1h", "--max-replays", "2", "--dry-run", "--json"],
    ["--newer-than", "1h", "--force", "--dry-run"],
  ]) {
    const [local, remote] = [await here(...args), await there([...args, ...through])];
    assert.deepEqual(seen(remote), seen(local), `${args.join(" ")}: ${remote.stderr}`);
    assert.deepEqual(told(remote), told(local));
  }
  assert.deepEqual(await counts(), [0, 124]);

  const replayed = await there(["--all", ...through]);

  assert.equal(replayed.code, 1);
  assert.match(replayed.stdout, /\n… and 22 more; --json names each\n2 replayed, 1 capped, 121 unusable\n$/);
  assert.deepEqual(await counts(), [2, 122]);
});

test("a replay through the function is on record with the caller, the reason and the request", async (t) => {
  const { die, there, counts, jsm, lambda } = await setup(t);
  await die(3);

  const { code, stdout, stderr } = await there(["1", "2", "--why", "resolver is back", "--function", FUNCTION]);

  assert.deepEqual([code, stdout.split("\n").at(-2)], [0, "2 replayed"], stderr);
  assert.deepEqual(await counts(), [2, 1]);
  const { data } = await jsm.streams.getMessage("CHORIA_AUDIT", { seq: 1 });
  const { by, why, selection } = JSON.parse(Buffer.from(data).toString());
  const [invocation] = lambda.invocations;
  assert.match(by, /^.+@.+ \(request [0-9a-f-]{36}\)$/);
  assert.ok(by.includes(`(request ${invocation?.requestId})`));
  assert.deepEqual([why, selection.sequences], ["resolver is back", [1, 2]]);
});

test("more than one answer holds is told over several invocations, each dead letter once", async (t) => {
  const { die, there, lambda } = await setup(t);
  const all = 300;
  await die(all, { "Dead-Error": "x".repeat(20_000) });

  const { code, stdout, stderr } = await there(["--all", "--dry-run", "--json", "--function", FUNCTION]);

  assert.equal(code, 0, stderr);
  const sequences = jsonLines(stdout).map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences.sort((a, b) => a - b),
    Array.from({ length: all }, (_, at) => at + 1),
  );
  assert.ok(lambda.invocations.length >= 2, `${lambda.invocations.length} invocations`);
});

test("Ctrl-C lets the invocation under way end, prints what it says and calls no more", async (t) => {
  const { die, aws } = await setup(t);
  const all = 300;
  // A pipe holds one such line: the command cannot run ahead of the one who reads it here.
  await die(all, { "Dead-Error": "x".repeat(60_000) });
  const command = ["dead", "replay", "--all", "--dry-run", "--json", "--function", FUNCTION];
  const { child, ended } = startCli(command, aws);
  child.stdout?.once("data", () => child.kill("SIGINT"));

  const { code, stdout, stderr } = await ended;

  assert.equal(code, 1, stderr);
  assert.match(stderr, /\nstopped; run it again to go on\n/);
  const sequences = jsonLines(stdout).map(({ sequence }) => sequence);
  assert.ok(sequences.length > 0 && sequences.length < all, `${sequences.length} lines`);
  assert.deepEqual(
    sequences.sort((a, b) => a - b),
    Array.from(sequences, (_, at) => at + 1),
  );
});

test("what is wrong with a call is told in one line, and nothing is replayed", async (t) => {
  const { die, here, there, counts, lambda } = await setup(t);
  await die(1);
  const through = ["--function", FUNCTION];
  const nobody = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  lambda.throttle(FUNCTION, true);
  const throttled = await there(["--all", ...through]);
  lambda.throttle(FUNCTION, false);
  const cases: readonly (readonly [result: CliResult, code: number, says: RegExp])[] = [
    [throttled, 1, /function "test-replay" could not be called: TooManyRequestsException: /],
    [await there(through), 2, /name sequences, give filters such as --job, or say --all/],
    [await there(["--all"]), 2, /give --config, or --function/],
    [await here("--all", ...through), 2, /give --config or --function, but not both/],
    [
      await there(["--all", "--by", "x".repeat(300), ...through]),
      2,
      /function "test-replay": the event cannot be used, and nothing was done: by: Too big/,
    ],
    [
      await there(["--all", "--function", "nobody"]),
      1,
      /function "nobody" could not be called: ResourceNotFoundException: /,
    ],
    [
      await there(["--all", "--function", "test-consumer"]),
      1,
      /the function's answer is no report of a replay: is it the replay function/,
    ],
    [await there(["--all", ...through], nobody), 2, /no AWS credentials .*; set AWS_PROFILE/],
    [await there(["--all", ...through], { AWS_REGION: "" }), 2, /no usable AWS region .*; set AWS_REGION/],
    [
      await there(["--all", ...through], { AWS_ENDPOINT_URL_LAMBDA: "http://127.0.0.1:1" }),
      1,
      /could not be called: .*ECONNREFUSED/,
    ],
  ];

  for (const [{ code, stderr }, expected, says] of cases) {
    const lines = stderr.split("\n").filter((line) => line.startsWith("choria-bridge: "));
    assert.deepEqual([code, lines.length], [expected, 1], stderr);
    assert.match(lines[0] ?? "", says);
    assert.doesNotMatch(stderr, /\n +at /);
  }
  assert.deepEqual(await counts(), [0, 1]);
});

test("a function whose servers are away says so in one line", async (t) => {
  const { there, nats } = await setup(t);
  await nats.server.stop();

  const { code, stderr } = await there(["--all", "--function", FUNCTION]);

  assert.equal(code, 1);
  assert.match(stderr, /^choria-bridge: function "test-replay" failed: [^\n]*127\.0\.0\.1[^\n]*$/m);
});

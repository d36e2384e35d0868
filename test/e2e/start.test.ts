import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { type CliProcess, runCli, startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

const FLEET = ["--nodes", "20", "--interval", "1", "--bad", "20"];
/** A second of the live view, for a log: what came in, what was refused and why, where it went and how long it took. */
const LIVE =
  /^sent \d+\/s {2}received [1-9]\d*\/s {2}validated .+ stored .+ republished .+ lag \d+ .+\(rejected so far: \w+ \d/m;
const run = promisify(execFile);

/** Process id and command line of the processes that have `text` among their arguments. */
async function processesWith(text: string): Promise<readonly string[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,args="]);
  return stdout.split("\n").filter((line) => line.includes(text));
}

/** Starts `start` as a shell does, so that `interrupt` reaches all that it started, as Ctrl-C in a terminal does. */
function startInTerminal(t: TestContext, args: readonly string[]): CliProcess & { interrupt(): void } {
  const started = startCli(["start", ...args], {}, { detached: true });
  const signal = (name: NodeJS.Signals) => process.kill(-(started.child.pid ?? Number.NaN), name);
  t.after(() => {
    if (started.child.exitCode === null && started.child.signalCode === null) signal("SIGKILL");
  });
  return { ...started, interrupt: () => signal("SIGINT") };
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

test("start ends by itself, balances its books, and does so again on the same folder", async (t) => {
  const folder = await makeFolder(t);

  const first = await runCli(["start", ...FLEET, "--for", "5s", "--data", folder]);
  const second = await runCli(["start", ...FLEET, "--for", "1s", "--data", folder]);

  assert.deepEqual([first.code, first.stderr], [0, ""], first.stdout);
  assert.equal(lastLine(first.stdout), "balanced");
  assert.match(first.stdout, /^captures: 66 recorded messages: accepted .+; CHORIA_DEMO_CAPTURES: 56 stored, 10 held/m);
  assert.match(first.stdout, /^ok {2}[a-z_0-9]+: sent hostile ([1-9]\d*) = rejected \1$/m);
  assert.match(first.stdout, /^ok {2}stream registrations: received [1-9].* = stored [1-9]/m);
  assert.match(first.stdout, /^ok {2}republished to inventory: outputs ([1-9][\d,]*) = stored \1 \+ duplicate 0$/m);
  assert.deepEqual([second.code, lastLine(second.stdout)], [0, "balanced"], second.stdout);
  assert.match(second.stdout, /CHORIA_DEMO_CAPTURES: 0 stored, 66 held already$/m);
  assert.deepEqual(await processesWith(folder), []);
});

test("start shows a fleet at work until Ctrl-C; then what is in hand is processed, and nothing is left running", async (t) => {
  const folder = await makeFolder(t);
  const { output, ended, interrupt } = startInTerminal(t, [...FLEET, "--for", "60s", "--data", folder]);
  await eventually(() => assert.match(output.stdout, LIVE), { timeoutMs: 60_000 });
  assert.equal((await processesWith(folder)).length, 3); // itself, nats-server, the fleet

  interrupt();
  const { code, stdout, stderr } = await ended;

  assert.deepEqual([code, stderr], [0, ""], stdout);
  assert.equal(lastLine(stdout), "balanced");
  assert.match(stdout, /^ok {2}sent: sent [1-9]/m);
  assert.deepEqual(await processesWith(folder), []);
});

test("a fleet that is killed ends the run: what it sent is not known, and the books say so", async (t) => {
  const folder = await makeFolder(t);
  const { output, ended } = startInTerminal(t, [...FLEET, "--for", "60s", "--data", folder]);
  await eventually(() => assert.match(output.stdout, LIVE), { timeoutMs: 60_000 });

  const fleet = (await processesWith(folder)).find((line) => line.includes(" simulate "));
  process.kill(Number.parseInt(fleet ?? "", 10), "SIGKILL");
  const { code, stdout } = await ended;

  assert.equal(code, 1, stdout);
  assert.match(stdout, /^the simulated fleet ended before it could say what it sent: SIGKILL$/m);
  assert.match(stdout, /^\? {3}sent: sent unknown = received [1-9]/m);
  assert.match(stdout, /^ok {2}stream registrations: received [1-9]/m);
  assert.equal(lastLine(stdout), "  sent: nobody could say: sent");
  assert.deepEqual(await processesWith(folder), []);
});

async function setupReal(t: TestContext) {
  const nats = await startNats(t);
  const [fleet, folder] = await Promise.all([startFleet(t), makeFolder(t)]);
  const config = {
    connections: { main: { servers: [nats.url] } },
    trust: trustSection(fleet.pki, "mcollective"),
    ingest: { registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["WORK"] } },
    streams: {
      WORK: { connection: "main", subject: "work.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits" },
    },
    sinks: { out: { type: "jetstream", to: "OUT" } },
    jobs: { copy: { stream: "WORK", sink: "out" } },
    bridge: { http: { port: 0 } },
    worker: { http: { port: 0 } },
  };
  return { nats, fleet, folder, config };
}

test("start --config runs bridge and worker of a configuration on its own server, without a fleet", async (t) => {
  const { nats, fleet, folder, config } = await setupReal(t);
  const client = await nats.connect();
  const { output, ended, interrupt } = startInTerminal(t, ["--config", await writeYaml(folder, config)]);
  await eventually(() => assert.match(output.stderr, /the worker is consuming/), { timeoutMs: 60_000 });

  for (let node = 0; node < 5; node += 1) client.publish(REGISTRATION_SUBJECT, await fleet.registration(node));
  client.publish(REGISTRATION_SUBJECT, "rubbish");
  await eventually(() => assert.match(output.stdout, /rejected so far: bad_json 1/));
  interrupt();
  const { code, stdout } = await ended;

  assert.equal(code, 0, stdout);
  assert.deepEqual(stdout.slice(stdout.indexOf("\nledger\n")).trim().split("\n"), [
    "ledger",
    "ok  stream WORK: received 6 = stored 5 + duplicate 0 + rejected 1 + shed 0",
    "ok  job copy: before 0 + stored 5 = done 5 + dropped 0 + dead 0 + left 0",
    "ok  republished to OUT: outputs 5 = stored 5 + duplicate 0",
    "balanced",
  ]);
});

test("start refuses options of the demo together with --config", async () => {
  const { code, stderr } = await runCli(["start", "--nodes", "5", "--config", "mine.yaml"]);

  assert.equal(code, 2);
  assert.match(stderr, /--nodes: only for the demo's simulated fleet/);
});

test("a start whose worker cannot run ends, and takes its bridge along", async (t) => {
  const { nats, folder, config } = await setupReal(t);
  const jsm = await nats.jsm();
  const jobs = { copy: { stream: "WORK", sink: "out", maxAckPending: 7 } };
  assert.equal((await runCli(["streams", "apply", "--config", await writeYaml(folder, { ...config, jobs })])).code, 0);

  const { code, stderr } = await runCli(["start", "--config", await writeYaml(folder, config)]);

  assert.equal(code, 1);
  assert.match(stderr, /consumer "copy" of stream "WORK" differs.+\n {2}max_ack_pending: configured 10000, .+ 7/);
  assert.equal((await jsm.consumers.info("WORK", "copy")).config.max_ack_pending, 7);
});

import { isatty } from "node:tty";
import { type Command, Option } from "commander";
import { openConnection } from "../../../shared/jetstream/connect.ts";
import { createLogger } from "../../../shared/telemetry/log.ts";
import { within } from "../../../shared/time/within.ts";
import type { FleetProtocol } from "../../simulate/node.ts";
import { collectiveName, percentage, positiveCount, timeSpan } from "../arguments.ts";
import { type OpenConfig, openConfigFile } from "../config-file.ts";
import type { CliContext } from "../context.ts";
import { EXIT, UsageError } from "../exit.ts";
import { firstSignal } from "../signals.ts";
import { readCaptureFiles, storeCaptures } from "./capture-stream.ts";
import { captureSummary, judgeCaptures } from "./captures.ts";
import { type Demo, startDemo } from "./demo.ts";
import { FleetProcess } from "./fleet-process.ts";
import { Running } from "./running.ts";
import { Screen } from "./screen.ts";

interface StartOptions {
  readonly config?: string;
  readonly nodes: number;
  readonly interval: number;
  readonly protocol: FleetProtocol;
  readonly bad: number;
  readonly for?: number;
  readonly data: string;
  readonly collective: string;
  readonly apply: boolean;
}

const DEMO_OPTIONS = ["nodes", "interval", "protocol", "bad", "data", "collective"] as const;
const FRAME_MS = 1_000;
const FINISH_MS = 20_000;

const say = (line: string) => console.log(line);

/** `choria-bridge start`: everything in one process for a first look, or for a small installation. */
export function registerStart(program: Command, { env }: CliContext): void {
  program
    .command("start")
    .description(
      "Runs bridge and worker with a live view. Without --config: on a nats-server of its own, fed by a simulated fleet " +
        "in a process of its own. Ends with a ledger of where every message went; exit code 1 if it does not balance.",
    )
    .option("-c, --config <file>", "run this configuration, without nats-server and simulated fleet of our own")
    .option("--nodes <N>", "nodes in the simulated fleet", positiveCount, 50)
    .addOption(
      new Option("--interval <S>", "seconds between two reports of a node").argParser(timeSpan).default(10_000, "10"),
    )
    .addOption(new Option("--protocol <P>", "protocol the nodes speak").choices(["v1", "v2", "mixed"]).default("mixed"))
    .option("--bad <PERCENT>", "share of hostile messages", percentage, 2)
    .option("--for <SPAN>", "end by itself after this time, for example 30s", timeSpan)
    .option("--data <DIR>", "folder of the demo's keys, streams and configuration", ".cache/demo")
    .option("--collective <NAME>", "collective the simulated nodes are in", collectiveName, "mcollective")
    .option("--apply", "change streams whose settings differ from the configuration, where JetStream allows it", false)
    .action((options: StartOptions, command: Command) => {
      if (options.config === undefined) return startWithFleet(options, env);
      refuseDemoOptions(command);
      return startReal(options, openConfigFile(options.config, env));
    });
}

/** Options that would have no effect: whoever gives them expects a fleet. Throws `UsageError`. */
function refuseDemoOptions(command: Command): void {
  const given = DEMO_OPTIONS.filter((name) => command.getOptionValueSource(name) === "cli");
  if (given.length === 0) return;
  const names = given.map((name) => `--${name}`).join(", ");
  throw new UsageError(
    `${names}: only for the demo's simulated fleet, which does not run with --config; leave one out`,
  );
}

async function startReal(options: StartOptions, opened: OpenConfig): Promise<void> {
  const asked = firstSignal();
  const log = createLogger("start", opened.config.log.level);
  const running = await Running.start({ opened, apply: options.apply, log, monitorUrl: null });
  await watch(running, null, { title: `choria-bridge: ${opened.path}`, forMs: options.for, asked });
  await finish(running, null);
}

async function startWithFleet(options: StartOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { data: folder, collective } = options;
  const asked = firstSignal(); // from the first moment on: whoever gives up early must not leave a nats-server behind
  const demo = await startDemo({ env, folder, collective, say });
  try {
    const opened = openConfigFile(demo.configFile, env);
    const log = createLogger("start", opened.config.log.level);
    await showCaptures(opened);
    const running = await Running.start({ opened, apply: true, log, monitorUrl: demo.server.monitorUrl });
    say(`metrics: ${running.telemetryUrls.map((url) => `${url}/metrics`).join(" and ")}`);
    const fleet = startFleet(options, demo);
    const askedOrAlone = Promise.race([asked, fleet.ended()]); // without its fleet there is nothing more to see
    await watch(running, fleet, { title: titleOf(options), forMs: options.for, asked: askedOrAlone });
    await finish(running, fleet);
  } finally {
    await demo.server.stop();
  }
}

function startFleet(options: StartOptions, demo: Demo): FleetProcess {
  const { nodes, interval: intervalMs, protocol, bad: badPercent, collective } = options;
  const fleet = { nodes, intervalMs, protocol, badPercent, collective };
  const script = process.argv[1] ?? "";
  return new FleetProcess({ ...fleet, script, servers: [demo.server.url], dataDir: demo.fleetFolder });
}

function titleOf({ nodes, interval, bad }: StartOptions): string {
  return `choria-bridge: ${nodes} nodes every ${interval / 1_000} s, ${bad} % hostile; Ctrl-C drains, shows ledger`;
}

/** Recorded messages of a real network, judged as of their day: the running bridge would refuse them, their ttl is over. */
async function showCaptures(opened: OpenConfig): Promise<void> {
  const settings = opened.resolved.connections.demo;
  if (settings === undefined) return;
  const connection = await openConnection(settings, "captures");
  const judged = await judgeCaptures(await readCaptureFiles());
  const { stored, duplicate } = await storeCaptures(connection, judged, () => performance.now());
  say(`captures: ${captureSummary(judged)}; CHORIA_DEMO_CAPTURES: ${stored} stored, ${duplicate} held already`);
  await connection.close();
}

interface Watch {
  readonly title: string;
  readonly forMs: number | undefined;
  readonly asked: Promise<unknown>;
}

/** Draws the view until it is asked to end or the time is over. */
async function watch(running: Running, fleet: FleetProcess | null, { title, forMs, asked }: Watch): Promise<void> {
  const screen = new Screen({ size: terminalSize, write: (text) => process.stdout.write(text) });
  let before = await running.snapshot(fleet?.sent ?? null);
  let drawing: Promise<void> | null = null;
  const draw = async () => {
    const now = await running.snapshot(fleet?.sent ?? null);
    screen.draw({ now, before, title });
    before = now;
    drawing = null;
  };
  const ticker = setInterval(() => {
    drawing ??= draw(); // a slow server must not let frames pile up
  }, FRAME_MS);
  await (forMs === undefined ? asked : within(asked, forMs));
  clearInterval(ticker);
  await drawing;
  screen.close();
}

async function finish(running: Running, fleet: FleetProcess | null): Promise<void> {
  say("\nstopping: the fleet first, then what is in hand is stored and processed");
  const report = fleet === null ? "no fleet" : ((await fleet.stop()) ?? "no report");
  if (report === "no report")
    say(`the simulated fleet ended before it could say what it sent: ${await fleet?.ended()}`);
  const { lines, balanced } = await running.finish(report, FINISH_MS);
  say("\nledger");
  for (const line of lines) say(line);
  if (!balanced) process.exitCode = EXIT.failed;
}

function terminalSize() {
  if (!isatty(1)) return null;
  return { columns: process.stdout.columns, rows: process.stdout.rows };
}

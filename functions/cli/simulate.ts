import { type Command, Option } from "commander";
import type { FromSimulator } from "../simulate/ipc.ts";
import { toSimulatorSchema } from "../simulate/ipc.ts";
import type { FleetProtocol } from "../simulate/node.ts";
import type { FleetReport } from "../simulate/report.ts";
import { type Simulator, startSimulator } from "../simulate/run.ts";
import { collectiveName, percentage, positiveCount, timeSpan } from "./arguments.ts";

interface SimulateOptions {
  readonly nodes: number;
  readonly interval: number;
  readonly protocol: FleetProtocol;
  readonly bad: number;
  readonly servers: readonly string[];
  readonly data: string;
  readonly for?: number;
  readonly collective: string;
  readonly json?: boolean;
}

/** Where `simulate` and `start` keep the simulated fleet's keys. */
export const FLEET_FOLDER = ".cache/simulated-fleet";

const INTERVAL = new Option("--interval <S>", "seconds between two reports of a node")
  .argParser(timeSpan)
  .default(10_000, "10");

/** `choria-bridge simulate`: a fleet of nodes that send signed registrations, some of them hostile. */
export function registerSimulate(program: Command): void {
  program
    .command("simulate")
    .description(
      "Publishes really signed Choria registrations of a simulated fleet, hostile ones among them, to any NATS server.\nIts CA, issuer and credentials are its own: trust them nowhere but in a demo.",
    )
    .option("--nodes <N>", "nodes in the fleet", positiveCount, 50)
    .addOption(INTERVAL)
    .addOption(new Option("--protocol <P>", "protocol the nodes speak").choices(["v1", "v2", "mixed"]).default("mixed"))
    .option("--bad <PERCENT>", "share of hostile messages", percentage, 2)
    .option("--servers <URL...>", "NATS servers", ["nats://127.0.0.1:4222"])
    .option("--data <DIR>", "folder of keys and credentials, reused by the next run", FLEET_FOLDER)
    .option("--for <SPAN>", "stop after this time, for example 30s", timeSpan)
    .option("--collective <NAME>", "collective the nodes are in", collectiveName, "mcollective")
    .option("--json", "print the report as JSON")
    .action(simulate);
}

async function simulate(options: SimulateOptions): Promise<void> {
  const stop = new AbortController();
  // A timer of our own: in Node 20 a signal made by AbortSignal.any() may be collected before the timeout it waits for.
  const timer = options.for === undefined ? undefined : setTimeout(() => stop.abort(), options.for);
  const release = stopWhenAsked(stop);
  const simulator = await startSimulator(
    {
      nodes: options.nodes,
      intervalMs: options.interval,
      protocol: options.protocol,
      badShare: options.bad / 100,
      collective: options.collective,
      servers: options.servers,
      dataDir: options.data,
    },
    stop.signal,
  );
  const ticker = setInterval(() => progress(simulator, options.json === true), 1_000);
  try {
    await simulator.finished;
  } finally {
    clearInterval(ticker);
    clearTimeout(timer);
    release();
  }
  finish(simulator.tally.report(), options.json === true);
}

/** SIGINT, SIGTERM, the parent's "stop" and the parent's death all end the fleet; returns what unhooks them. */
function stopWhenAsked(stop: AbortController): () => void {
  const abort = () => stop.abort();
  const onMessage = (message: unknown) => {
    if (toSimulatorSchema.safeParse(message).success) abort();
  };
  process.on("SIGINT", abort).on("SIGTERM", abort).on("disconnect", abort).on("message", onMessage);
  return () => {
    process.off("SIGINT", abort).off("SIGTERM", abort).off("disconnect", abort).off("message", onMessage);
  };
}

function progress({ tally }: Simulator, json: boolean): void {
  const report = tally.report();
  tell({ type: "progress", report });
  if (!json && process.send === undefined) console.error(summary(report));
}

function finish(report: FleetReport, json: boolean): void {
  tell({ type: "done", report });
  console.log(json || process.send !== undefined ? JSON.stringify(report) : summary(report));
}

function tell(message: FromSimulator): void {
  if (process.connected) process.send?.(message);
}

function summary(report: FleetReport): string {
  const codes = Object.entries(report.badByExpectedCode).map(([code, count]) => `${code} ${count}`);
  const bad = codes.length === 0 ? "" : ` (${codes.sort().join(", ")})`;
  const behind = report.skipped === 0 ? "" : `; ${report.skipped} skipped: this machine signs more slowly than that`;
  const lost = report.unconfirmed === 0 ? "" : `; ${report.unconfirmed} unconfirmed: the connection was lost`;
  return `sent ${report.sent}: ${report.good} good, ${report.bad} hostile${bad}${behind}${lost}`;
}

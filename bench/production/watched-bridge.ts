import type { Bridge } from "../../functions/bridge/bridge.ts";
import { runBridgeBench } from "../bridge.ts";
import { SUBJECT } from "../load.ts";
import type { MemorySample, WatchedReport, WatchedTask } from "./watched.ts";

/** The bridge as a child process: `node watched-bridge.js '<JSON>'` says when it receives, and at the end what it counted. */

const SAMPLE_EVERY_MS = 1_000;
const STOP_MS = 60_000;

const task = JSON.parse(process.argv[2] ?? "") as WatchedTask;
const bridge = await runBridgeBench({ ...task, subject: SUBJECT, subjectPrefix: `bench.${task.stream}` }, () => {});
const memory: MemorySample[] = [];
const sampler = setInterval(() => {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  memory.push({ received: ingestCounters(bridge).received, rss, heapTotal, heapUsed, external, arrayBuffers });
}, SAMPLE_EVERY_MS);
let cpuAtMark = process.cpuUsage();

process.on("message", (order) => {
  if (order === "mark") cpuAtMark = process.cpuUsage();
  else void report();
});
process.send?.("ready");

async function report(): Promise<void> {
  const { user, system } = process.cpuUsage(cpuAtMark);
  clearInterval(sampler);
  const { left } = await bridge.stop(STOP_MS);
  const { received, validated, rejected, overload } = ingestCounters(bridge);
  const { stored, duplicate, shed } = bridge.counters.streams.get(task.stream) ?? missing();
  const said: WatchedReport = {
    received,
    validated: sum(validated),
    rejected: sum(rejected),
    overload,
    stored,
    duplicate,
    shed: sum(shed),
    ingestDisconnects: bridge.counters.connections.get("ingest main")?.disconnects ?? 0,
    left: sum(left),
    cpuSeconds: (user + system) / 1e6,
    memory,
  };
  process.send?.(said, () => process.exit(0));
}

function ingestCounters({ counters }: Bridge) {
  return counters.ingests.get("load") ?? missing();
}

function sum(tally: Readonly<Record<string, number | undefined>>): number {
  return Object.values(tally).reduce<number>((total, value) => total + (value ?? 0), 0);
}

function missing(): never {
  throw new Error("the bridge counts nothing of its own ingest or stream");
}

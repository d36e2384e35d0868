import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, RetentionPolicy, StorageType } from "nats";
import { ensureNatsServer } from "../shared/nats-server/provision.ts";
import { startServer } from "../shared/nats-server/run.ts";
import { ensureLoad, type Load } from "./load.ts";
import type { Measured } from "./measure.ts";
import { BODY_BYTES } from "./queue.ts";
import { type Machine, renderResults, type Series, type Sizes } from "./results.ts";
import { type BenchTask, SUBJECT } from "./subject.ts";

/**
 * Measures the project against its floors in one run, each subject in a process of its own, on one nats-server, in
 * alternating rounds: on a shared machine rates swing by a factor of two, and only ratios within a run mean something.
 */
const ROUNDS = 3;
const MESSAGES = 20_000;
const WARM_UP = 4_000;
const SENDERS = 1_000;
const JOBS = 150_000;

/** A script beside this one, which runs transpiled as the project ships: `npm run bench` builds it. */
const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
const inProject = (path: string): string => join(process.cwd(), path);
const say = (line: string): void => console.error(line);

const binary = await ensureNatsServer({ env: process.env, cacheDir: inProject(".cache"), log: say });
const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-bench-"));
const server = await startServer({ binary: binary.path, storeDir });
try {
  const series = await measureAll(server.url);
  const machine: Machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    natsServer: binary.version,
    date: new Date().toISOString().slice(0, 10),
  };
  const file = inProject("bench/results.md");
  const text = renderResults(machine, series);
  await writeFile(file, `${text}\n${await historyOf(file)}`);
  console.log(text);
} finally {
  await server.stop();
  await rm(storeDir, { recursive: true, force: true });
}

/** What was written by hand below the generated part: what was changed, and what it brought. */
async function historyOf(file: string): Promise<string> {
  const known = await readFile(file, "utf8").catch(() => "");
  const start = known.indexOf("## History");
  return start === -1 ? "## History\n" : known.slice(start);
}

async function measureAll(url: string): Promise<Series[]> {
  const loads = new Map<string, Load>();
  for (const protocol of ["v1", "v2"] as const) {
    loads.set(
      protocol,
      await ensureLoad(inProject(".cache/bench"), { protocol, count: MESSAGES, senders: SENDERS }, say),
    );
  }
  const series = new Map<string, Measured[]>();
  const sizes = new Map<string, Sizes>();
  const record = async (name: string, measured: Promise<Measured>): Promise<void> => {
    const result = await measured;
    say(`${name}: ${Math.round(result.messages / result.seconds)}/s, ${microseconds(result)} us CPU a message`);
    series.set(name, [...(series.get(name) ?? []), result]);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [protocol, load] of loads) {
      for (const what of ["floor-bridge", "bridge"] as const) {
        const name = `${what} ${protocol}`;
        await record(name, measureBridge({ url, what, protocol }, load));
        const stored = await storedBytes(url, streamOf(what, protocol));
        sizes.set(name, { wireBytes: statSync(load.file).size / load.count, storedBytes: stored });
      }
    }
    for (const what of ["floor-worker", "worker"] as const) {
      await record(what, measureSubject({ what, url, count: JOBS }));
    }
  }
  const jobs = { wireBytes: BODY_BYTES, storedBytes: BODY_BYTES };
  return [...series].map(([name, measured]) => ({ name, measured, sizes: sizes.get(name) ?? jobs }));
}

function microseconds({ cpuSeconds, messages }: Measured): string {
  return ((cpuSeconds / messages) * 1e6).toFixed(1);
}

async function measureBridge(
  { url, what, protocol }: { url: string; what: "floor-bridge" | "bridge"; protocol: string },
  load: Load,
): Promise<Measured> {
  const stream = streamOf(what, protocol);
  await makeStream(url, stream);
  const task = { ...load, what, url, protocol, stream, warmUp: WARM_UP } as BenchTask;
  return measureSubject(task, () => {
    spawn(process.execPath, [script("publisher"), url, SUBJECT, load.file], { stdio: "inherit" });
  });
}

function streamOf(what: string, protocol: string): string {
  return `BENCH_${what.toUpperCase().replace("-", "_")}_${protocol.toUpperCase()}`;
}

/** Mean size of a stored message, headers and the store's own overhead included. */
async function storedBytes(url: string, name: string): Promise<number> {
  const connection = await connect({ servers: url });
  const { state } = await (await connection.jetstreamManager()).streams.info(name);
  await connection.close();
  return state.bytes / state.messages;
}

/** The same stream for floor and project, empty: a new one each time, so that nothing is a duplicate. */
async function makeStream(url: string, name: string): Promise<void> {
  const connection = await connect({ servers: url });
  const jsm = await connection.jetstreamManager();
  await jsm.streams.delete(name).catch(() => {});
  const retention = RetentionPolicy.Workqueue;
  await jsm.streams.add({ name, subjects: [`bench.${name}.>`], retention, storage: StorageType.File });
  await connection.close();
}

async function measureSubject(task: BenchTask, onReady: () => void = () => {}): Promise<Measured> {
  const child = fork(script("subject"), [JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.once("message", onReady);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${task.what} ended with ${code}`);
  return JSON.parse(output) as Measured;
}

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { ensureNatsServer } from "../shared/nats-server/provision.ts";
import { startServer } from "../shared/nats-server/run.ts";
import { type PartName, readArguments } from "./arguments.ts";
import { type FunctionsSize, measureFunctions, SHORT, WHOLE } from "./lambda/measure.ts";
import { renderFunctions } from "./lambda/section.ts";
import { measureLimits } from "./limits.ts";
import { ensureLoad, GZIPPED_BYTES } from "./load.ts";
import type { Measured } from "./measure.ts";
import { type AdapterColumn, measureAdapter } from "./production/adapter/measure.ts";
import { choriaProgram } from "./production/adapter/program.ts";
import {
  MEASUREMENTS,
  measureProduction,
  SHORT as PRODUCTION_SHORT,
  WHOLE as PRODUCTION_WHOLE,
  type Production,
  type ProductionPlace,
  type ProductionSize,
} from "./production/measure.ts";
import { barRows, renderProduction } from "./production/section.ts";
import { type CpuProfile, describeTimes, selfTimes, selfTimesByPackage } from "./profile.ts";
import { bridgeSubjects, bullMqSubject, type RateSubject, workerSubjects } from "./rates.ts";
import { bullMqMissing } from "./redis/bullmq.ts";
import { ensureRedis } from "./redis/provision.ts";
import { type RunningRedis, startRedis } from "./redis/run.ts";
import { joinResults, type ResultParts, splitResults } from "./result-parts.ts";
import { type Machine, renderResults, type Series } from "./results.ts";

/**
 * Measures the project against its floors in one run, each subject in a process of its own, on one nats-server, in
 * alternating rounds: on a shared machine rates swing by a factor of two, and only ratios within a run mean something.
 *
 * `PART...` measures some bars of the bridge (`short`: shows that it works), `--only NAME,...` some subjects, and write nothing;
 * `--profile NAME` says where one's CPU time goes. `--production` measures the bridge in production, `--functions` the Lambda
 * functions; they leave the other results as they are, and `--functions short` writes nothing.
 */
const ROUNDS = 3;
const MESSAGES = 20_000;
const SENDERS = 1_000;
const PROFILE_EVERY_US = 200;
const PROFILE_ROWS = 40;

const NO_REDIS: Redis = { running: null, version: null, missing: "not asked for" };

const inProject = (path: string): string => join(process.cwd(), path);
const say = (line: string): void => console.error(line);

const request = readArguments(process.argv.slice(2));
const binary = await ensureNatsServer({ env: process.env, cacheDir: inProject(".cache"), log: say });
const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-bench-"));
const server = await startServer({ binary: binary.path, storeDir });
const WITHOUT_REDIS: ReadonlySet<string> = new Set(["functions", "parts", "production"]);
const redis = WITHOUT_REDIS.has(request.mode) ? NO_REDIS : await openRedis();
try {
  if (request.mode === "all") await measureAll();
  else if (request.mode === "parts") await measureParts(request.names, request.isShort);
  else if (request.mode === "only") await measureRounds(await subjectsNamed(request.names));
  else if (request.mode === "production") await measureProductionAlone();
  else if (request.mode === "functions") await measureFunctionsAlone(request.isShort);
  else await profile(request.name);
} finally {
  await redis.running?.stop();
  await server.stop();
  await rm(storeDir, { recursive: true, force: true });
}

async function measureAll(): Promise<void> {
  const series = await measureRounds(await allSubjects());
  const limits = await measureLimits(server.url, say);
  const missing = new Map(redis.missing === null ? [] : [["bullmq at 100", redis.missing]]);
  const main = renderResults({ machine: machine(), series, limits, missing });
  const production = await wholeProduction(series);
  const functions = await renderedFunctions(WHOLE);
  await write({ main, production, functions });
}

async function measureProductionAlone(): Promise<void> {
  await write({ production: await wholeProduction(await measureRounds(await bridges())) });
}

/** `series`: of the bridge and its floors, at least. */
async function wholeProduction(series: readonly Series[]): Promise<string> {
  const found = await measureProduction(productionPlace(), MEASUREMENTS, PRODUCTION_WHOLE);
  return renderedProduction(series, found, await beside(PRODUCTION_WHOLE));
}

async function measureParts(names: readonly PartName[], isShort: boolean): Promise<void> {
  const series = names.includes("rates") ? await measureRounds(await bridges()) : [];
  const measurements = MEASUREMENTS.filter((name) => names.includes(name));
  const size = isShort ? PRODUCTION_SHORT : PRODUCTION_WHOLE;
  const found = await measureProduction(productionPlace(), measurements, size);
  const adapter = names.includes("adapter") ? await beside(size) : undefined;
  console.log(renderedProduction(series, found, adapter));
}

function productionPlace(): ProductionPlace {
  return { url: server.url, binary: binary.path, cacheDir: inProject(".cache/bench"), say };
}

/** What go-choria's own adapter does of the same. */
async function beside(size: ProductionSize): Promise<AdapterColumn> {
  return measureAdapter(productionPlace(), await choriaProgram(process.cwd()), size);
}

function renderedProduction(series: readonly Series[], found: Production, adapter?: AdapterColumn): string {
  const { cores, cpu, node, natsServer, date } = machine();
  const conditions = `${cores} x ${cpu}, shared with nats-server and the load; Node ${node}; nats-server ${natsServer}; ${date}.`;
  return renderProduction(barRows(series, found, adapter), conditions);
}

async function measureFunctionsAlone(isShort: boolean): Promise<void> {
  const functions = await renderedFunctions(isShort ? SHORT : WHOLE);
  if (isShort) console.log(functions);
  else await write({ functions });
}

async function renderedFunctions(size: FunctionsSize): Promise<string> {
  const place = { url: server.url, root: process.cwd(), cacheDir: inProject(".cache"), say };
  const measured = await measureFunctions(place, size);
  const { cores, cpu, natsServer, date } = machine();
  return renderFunctions(measured, `${cores} x ${cpu}; nats-server ${natsServer}; ${date}.`);
}

/** What was not measured now stays as it was. */
async function write(parts: Partial<ResultParts>): Promise<void> {
  const file = inProject("bench/results.md");
  const known = await readFile(file, "utf8").catch(() => "");
  await writeFile(file, joinResults({ ...splitResults(known), ...parts }));
  console.log(Object.values(parts).join("\n"));
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    natsServer: binary.version,
    redis: redis.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

interface Redis {
  readonly running: RunningRedis | null;
  readonly version: string | null;
  /** Why BullMQ is not measured; null when it is. */
  readonly missing: string | null;
}

/** The comparison is worth a download, not a failure. */
async function openRedis(): Promise<Redis> {
  try {
    const clientMissing = bullMqMissing();
    if (clientMissing !== null) throw new Error(clientMissing);
    const found = await ensureRedis(process.env, inProject(".cache"));
    say(`redis-server: ${found.version} ${found.path}`);
    return { running: await startRedis(found), version: found.version, missing: null };
  } catch (error) {
    const missing = error instanceof Error ? error.message : String(error);
    say(`BullMQ is not measured: ${missing}`);
    return { running: null, version: null, missing };
  }
}

async function allSubjects(): Promise<readonly RateSubject[]> {
  return [...(await bridges()), ...jobSubjects()];
}

async function bridges(): Promise<readonly RateSubject[]> {
  const subjects: RateSubject[] = [];
  for (const protocol of ["v1", "v2"] as const) {
    const wanted = { protocol, count: MESSAGES, senders: SENDERS, gzippedBytes: GZIPPED_BYTES[protocol] };
    const load = await ensureLoad(inProject(".cache/bench"), wanted, say);
    subjects.push(...bridgeSubjects(server.url, protocol, load));
  }
  return subjects;
}

function jobSubjects(): readonly RateSubject[] {
  const others = redis.running === null ? [] : [bullMqSubject(redis.running.port)];
  return [...workerSubjects(server.url), ...others];
}

async function subjectsNamed(names: readonly string[]): Promise<readonly RateSubject[]> {
  const known = names.every((name) => name.includes("bridge")) ? await allSubjects() : jobSubjects();
  const wanted = known.filter(({ name }) => names.includes(name));
  if (wanted.length === names.length) return wanted;
  throw new RangeError(`name some of: ${known.map(({ name }) => name).join(", ")}`);
}

async function measureRounds(subjects: readonly RateSubject[]): Promise<readonly Series[]> {
  const measured = new Map<string, Measured[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, measure } of subjects) {
      const result = await measure([]);
      say(describe(name, result));
      measured.get(name)?.push(result);
    }
  }
  return Promise.all(
    subjects.map(async ({ name, sizes }) => ({ name, sizes: await sizes(), measured: measured.get(name) ?? [] })),
  );
}

function describe(name: string, { messages, seconds, cpuSeconds }: Measured): string {
  const cpu = ((cpuSeconds / messages) * 1e6).toFixed(1);
  return `${name}: ${Math.round(messages / seconds)}/s, ${cpu} us CPU a message`;
}

/** Writes `.build/<name>.cpuprofile`, for a browser's developer tools, and prints where the time went. */
async function profile(name: string): Promise<void> {
  const folder = inProject(".build");
  await mkdir(folder, { recursive: true });
  const file = `${name.replaceAll(/\W/g, "-")}.cpuprofile`;
  const options = ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${file}`];
  for (const { measure } of await subjectsNamed([name])) {
    say(describe(name, await measure([...options, `--cpu-prof-interval=${PROFILE_EVERY_US}`])));
  }
  const read = JSON.parse(await readFile(join(folder, file), "utf8")) as CpuProfile;
  console.log(`.build/${file}\n\nSelf time by package\n${describeTimes(selfTimesByPackage(read), PROFILE_ROWS)}`);
  console.log(`\nSelf time by function\n${describeTimes(selfTimes(read), PROFILE_ROWS)}`);
}

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connect, type NatsConnection } from "nats";
import { runCli } from "../cli.ts";
import { makeFolder, writeYaml } from "../folder.ts";
import { HANDLER, HANDLER_FILE, handlerModule } from "./ledger/handler.ts";
import { IN, JOB, Ledger, OUT } from "./ledger/ledger.ts";
import { DEFAULT_PLAN, type Plan } from "./ledger/plan.ts";
import { type Run, readRuns } from "./ledger/run-log.ts";
import { judge, NO_FAULTS, type Rules, type Verdict } from "./ledger/verdict.ts";
import { UNORDERED, type Variant } from "./variants.ts";
import { Workers } from "./workers.ts";

export interface ScenarioSettings {
  /** Servers of the work queue, as the ledger reaches them. */
  readonly servers: readonly string[];
  /** Servers of the outputs' stream; default: the same. */
  readonly sinkServers?: readonly string[];
  readonly workers?: number;
  /** How a worker reaches them where that is another way: through a proxy. */
  readonly routes?: (worker: number) => Readonly<Record<string, readonly string[]>>;
  /** Added to a worker's environment. */
  readonly env?: (worker: number) => Readonly<Record<string, string>>;
  readonly variant?: Variant;
  readonly plan?: Partial<Plan>;
  readonly retry?: Readonly<Record<string, unknown>>;
  /** Settings of the outputs' stream. */
  readonly out?: Readonly<Record<string, unknown>>;
  readonly replicas?: number;
}

/** See `Rules`; `ordered` is the variant's and `serverDeaths` and `standstills` 0 and `leasesLost` and `resurrects` false where they are not given. */
type FaultRules = Pick<Rules, "deaths"> &
  Partial<Pick<Rules, "ordered" | "serverDeaths" | "leasesLost" | "standstills" | "resurrects">>;

/** Workers, the server's streams, and a ledger about them. */
export interface Scenario {
  readonly ledger: Ledger;
  readonly workers: Workers;
  /** For everything that belongs to the test; gone with it. */
  readonly folder: string;
  /** The configuration of a worker that reaches the servers as the ledger does. */
  readonly config: string;
  /** The ledger's own connection to the servers of the outputs. */
  readonly outputs: NatsConnection;
  /** Every run so far, in the order in which they began. */
  runs(): Promise<readonly Run[]>;
  /** How many runs could not store their output so far. */
  thwarted(): Promise<number>;
  /** Balances the books as they are; call it once the workers have stopped. */
  judged(rules: FaultRules): Promise<Verdict>;
  /** Waits until the queue is empty, ends the workers, balances the books and prints them. */
  verdict(rules: FaultRules): Promise<Verdict>;
}

const LEASE = "2s";
const RETRY = { policy: "fixed", delay: "50ms", jitter: 0, attempts: 5, crashes: 5 };
/** For faults that thwart runs again and again: that is no fault of the message, but a run all the same. */
export const PATIENT = { policy: "exponential", delay: "100ms", maxDelay: "1s", jitter: 0.2, attempts: 1_000 };

/** Writes configuration and handler, makes the streams, and starts the workers. Everything is gone with the test. */
export async function startScenario(t: TestContext, settings: ScenarioSettings): Promise<Scenario> {
  const { servers, sinkServers = servers, workers: count = 3, variant = UNORDERED } = settings;
  const plan = { ...DEFAULT_PLAN, ...settings.plan };
  const folder = await makeFolder(t);
  await writeFile(join(folder, HANDLER_FILE), handlerModule(folder));
  const topology = await writeYaml(folder, config(settings, { main: servers, far: sinkServers }), "topology.yaml");
  await applyTopology(topology);

  const connection = await dial(t, servers);
  const outputs = sinkServers === servers ? connection : await dial(t, sinkServers);
  const ledger = new Ledger({ connection, outputs, folder, subject: variant.subject, plan });
  const starts = await Promise.all(
    Array.from({ length: count }, async (_, worker) => {
      const routes = { main: servers, far: sinkServers, ...settings.routes?.(worker) };
      const file = await writeYaml(folder, config(settings, routes), `worker-${worker}.yaml`);
      return { config: file, env: settings.env?.(worker) ?? {} };
    }),
  );
  const workers = await Workers.start(t, starts);

  const retry = { ...RETRY, ...settings.retry };
  const judged = async (about: FaultRules): Promise<Verdict> => {
    const { attempts, crashes } = retry;
    return judge(await ledger.books(workers.exits.length), {
      ...{ plan, attempts, crashes, ordered: variant.ordered, serverDeaths: 0, leasesLost: false },
      ...{ standstills: 0, resurrects: false },
      ...about,
    });
  };
  return {
    ledger,
    workers,
    folder,
    config: topology,
    outputs,
    runs: () => readRuns(folder),
    thwarted: async () => (await readRuns(folder)).filter(({ end }) => end === "thwarted").length,
    judged,
    async verdict(about) {
      await ledger.settled();
      await workers.stop();
      const verdict = await judged(about);
      for (const line of [text(verdict.faults), text(verdict.counted), ...verdict.evidence]) t.diagnostic(line);
      for (const exit of workers.exits) t.diagnostic(exit);
      return verdict;
    },
  };
}

/** Fails with the evidence unless the books balance. */
export function assertBalanced({ faults, evidence }: Verdict): void {
  assert.deepEqual(faults, NO_FAULTS, `the books do not balance: ${text(faults)}\n${evidence.join("\n")}`);
}

/** `missing 0, duplicate effects 0, …` */
export function text(numbers: Readonly<Record<string, number>>): string {
  return Object.entries(numbers)
    .map(([name, number]) => `${name} ${number}`)
    .join(", ");
}

function config(settings: ScenarioSettings, routes: Readonly<Record<string, readonly string[]>>): object {
  const { variant = UNORDERED, retry = {}, out = {}, replicas = 1, sinkServers } = settings;
  const copies = { replicas };
  return {
    connections: Object.fromEntries(Object.entries(routes).map(([name, servers]) => [name, { servers }])),
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      [IN]: { connection: "main", subject: variant.subject, allowUnprovenSender: true, ...copies },
      [OUT]: {
        connection: sinkServers === undefined ? "main" : "far",
        subject: "out.{sender}",
        retention: "limits",
        allowUnprovenSender: true,
        ...copies,
        ...out,
      },
    },
    sinks: { out: { type: "jetstream", to: OUT } },
    jobs: {
      [JOB]: {
        stream: IN,
        handler: HANDLER,
        concurrency: 16,
        ackWait: LEASE,
        retry: { ...RETRY, ...retry },
        ...variant.job,
      },
    },
    quarantine: copies,
    deadLetters: copies,
    audit: copies,
    delayed: copies,
    advisories: copies,
    state: copies,
    worker: { http: { port: 0 }, shutdownTimeout: "10s", sweepEvery: "5s" },
    dispatcher: { http: { port: 0 }, functionPrefix: "test-", budget: "10s", pollEvery: "200ms" },
  };
}

async function applyTopology(file: string): Promise<void> {
  const { code, stdout, stderr } = await runCli(["streams", "apply", "--config", file]);
  assert.equal(code, 0, stdout + stderr);
}

async function dial(t: TestContext, servers: readonly string[]): Promise<NatsConnection> {
  const connection = await connect({ servers: [...servers], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  t.after(() => connection.close());
  return connection;
}

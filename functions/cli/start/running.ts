import { setTimeout as pause } from "node:timers/promises";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import { openNamed } from "../../../shared/jetstream/connect.ts";
import type { Logger } from "../../../shared/telemetry/logger.ts";
import { bucketsOf } from "../../../shared/telemetry/registry.ts";
import { within } from "../../../shared/time/within.ts";
import { type BridgeService, runBridge } from "../../bridge/run.ts";
import { consumerOptions } from "../../consumer/options.ts";
import { runWorker, type WorkerService } from "../../consumer/service.ts";
import type { OpenConfig } from "../config-file.ts";
import { type Evidence, type FleetEvidence, ledgerTerms, readStates, type States } from "./books.ts";
import { deliveredByServer } from "./client-loss.ts";
import { type Ledger, ledger } from "./ledger.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

/** Name under which the bridge's receiving connection is known to the server. */
const INGEST_CLIENT = "choria-bridge ingest";
const POLL_MS = 100;
/** A frame of the view waits no longer for what the server says of its queues. */
const LAG_TIMEOUT_MS = 500;
const LEAST_FOR_STOPPING_MS = 1_000;

export interface RunningOptions {
  readonly opened: OpenConfig;
  readonly apply: boolean;
  readonly log: Logger;
  /** nats-server's monitoring; null where it is not ours to ask. */
  readonly monitorUrl: string | null;
}

/** Bridge and worker of one configuration in one process, with the evidence for their ledger. */
export class Running {
  readonly #options: RunningOptions;
  readonly #connections: Connections;
  readonly #bridge: BridgeService;
  readonly #worker: WorkerService | null;
  readonly #before: States;

  private constructor(
    options: RunningOptions,
    parts: { connections: Connections; bridge: BridgeService; worker: WorkerService | null; before: States },
  ) {
    this.#options = options;
    this.#connections = parts.connections;
    this.#bridge = parts.bridge;
    this.#worker = parts.worker;
    this.#before = parts.before;
  }

  static async start(options: RunningOptions): Promise<Running> {
    const { opened, apply, log } = options;
    const connections = new Connections(opened);
    let bridge: BridgeService | null = null;
    try {
      // Read before the bridge receives and the worker takes: what was there before is a term of the ledger.
      const before = await readStates(opened.config, connections.get);
      bridge = await runBridge({ ...opened, apply, log });
      const hasJobs = Object.keys(opened.config.jobs).length > 0;
      const worker = hasJobs ? await runWorker(consumerOptions(opened, { only: null, apply, log })) : null;
      return new Running(options, { connections, bridge, worker, before });
    } catch (error) {
      await bridge?.stop(opened.config.bridge.shutdownTimeout);
      await connections.close(); // what stays open would keep the process, and its exit code, from ending
      throw error;
    }
  }

  get telemetryUrls(): readonly string[] {
    return [this.#bridge.telemetryUrl, ...(this.#worker === null ? [] : [this.#worker.telemetryUrl])];
  }

  async snapshot(sent: number | null): Promise<Snapshot> {
    const { bridge, latency } = this.#bridge;
    const lag = await this.#lagSoon();
    const buckets = await bucketsOf(latency);
    // From here on without waiting: counts and time must be of one moment, or the rates are wrong.
    return takeSnapshot({
      atMs: performance.now(),
      sent,
      bridge: bridge.counters,
      buffered: new Map([...bridge.lanes].map(([name, lane]) => [name, lane.messages])),
      jobs: this.#worker?.worker.counters.jobs ?? new Map(),
      lag,
      latency: buckets,
    });
  }

  /** Stores what is in hand, lets the worker empty its queues within `deadlineMs`, and draws up the books. */
  async finish(fleet: FleetEvidence, deadlineMs: number): Promise<Ledger> {
    const { config } = this.#options.opened;
    const deadline = performance.now() + deadlineMs;
    const left = () => Math.max(LEAST_FOR_STOPPING_MS, deadline - performance.now());
    try {
      const delivered = await this.#delivered();
      await this.#bridge.stop(left());
      await this.#emptied(deadline);
      await this.#worker?.stop(left());
      const evidence: Evidence = {
        config,
        fleet,
        delivered,
        bridge: this.#bridge.bridge.counters,
        jobs: this.#worker?.worker.counters.jobs ?? new Map(),
        before: this.#before,
        after: await readStates(config, this.#connections.get).catch(() => null), // the server is away: not known
      };
      return ledger(ledgerTerms(evidence));
    } finally {
      await this.#connections.close();
    }
  }

  /** By the server's own count; null where that cannot be had. */
  #delivered(): Promise<number | null> {
    const { monitorUrl } = this.#options;
    return monitorUrl === null ? Promise.resolve(null) : deliveredByServer(monitorUrl, INGEST_CLIENT).catch(() => null);
  }

  /** Waits until the jobs have emptied their queues, the time is over, or the server does not say. */
  async #emptied(deadline: number): Promise<void> {
    const waiting = () => this.#waiting().catch(() => 0);
    while (this.#worker !== null && performance.now() < deadline && (await waiting()) > 0) await pause(POLL_MS);
  }

  /** Empty when the server does not say at once: one that is away must neither end nor hold up the view. */
  async #lagSoon(): Promise<ReadonlyMap<string, number>> {
    let lag: ReadonlyMap<string, number> = new Map();
    const asked = this.#lag().then(
      (known) => {
        lag = known;
      },
      () => {},
    );
    await within(asked, LAG_TIMEOUT_MS);
    return lag;
  }

  /** Messages not done yet, by job. */
  async #lag(): Promise<Map<string, number>> {
    const { config } = this.#options.opened;
    const { streams, jobs } = await readStates(config, this.#connections.get);
    return new Map(
      Object.entries(config.jobs).map(([name, { stream }]) => [
        name,
        jobs.get(name) ?? streams.get(stream)?.messages ?? 0,
      ]),
    );
  }

  async #waiting(): Promise<number> {
    return [...(await this.#lag()).values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Connections for asking, apart from those that work: one for each name. */
class Connections {
  readonly #opened: OpenConfig;
  readonly #open = new Map<string, Promise<Connection>>();

  constructor(opened: OpenConfig) {
    this.#opened = opened;
  }

  readonly get = (name: string): Promise<Connection> => {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const connection = openNamed(this.#opened.resolved.connections, name, "start");
    this.#open.set(name, connection);
    return connection;
  };

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(async (connection) => (await connection).close()));
  }
}

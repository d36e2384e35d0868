import type { LambdaClient } from "@aws-sdk/client-lambda";
import { functionOfJob, jobConnections } from "../../shared/config/names.ts";
import { jobQueueOf } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import type { Readiness } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { within } from "../../shared/time/within.ts";
import { DispatcherConnections } from "./connections.ts";
import { invokeDrain } from "./invoking/invoke.ts";
import { Gate } from "./scaling/gate.ts";
import { JobDispatch } from "./scaling/job-dispatch.ts";
import { needsOperator } from "./scaling/job-state.ts";
import type { ScaleSettings } from "./scaling/settings.ts";
import { Turns } from "./scaling/turns.ts";
import { QueueWatch } from "./watching/watch.ts";

/** A cold start may take 10 s before the budget counts, and the answer has to come back. */
const START_MARGIN_MS = 15_000;

/** Everything the dispatcher needs from outside. */
export interface DispatcherEnvironment {
  readonly config: Config;
  /** What stands before the names of the functions. */
  readonly functionPrefix: string;
  /** Opens the connection of that name in the configuration. */
  readonly connect: (name: string) => Promise<Connection>;
  /** Asked for once the servers could be reached; a rejection is passed on. */
  readonly openLambda: () => Promise<LambdaClient>;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Seconds from a request to its answer. */
  readonly onInvoked: (job: string, seconds: number) => void;
}

/** Watches the queues of the configuration's jobs and invokes their functions while messages wait. */
export class Dispatcher {
  readonly #environment: DispatcherEnvironment;
  readonly #connections: DispatcherConnections;
  readonly #lambda: LambdaClient;
  readonly #gate: Gate;
  /** By function. */
  readonly #turns = new Map<string, Turns>();
  readonly #jobs: JobDispatch[] = [];
  readonly #watches: QueueWatch[] = [];
  readonly #noLongerWaiting = new AbortController();
  #stopping = false;

  private constructor(environment: DispatcherEnvironment, connections: DispatcherConnections, lambda: LambdaClient) {
    this.#environment = environment;
    this.#connections = connections;
    this.#lambda = lambda;
    this.#gate = new Gate(environment.config.dispatcher.maxTotalInvocations);
  }

  /** Rejects with `ConnectError` when a server cannot be reached; nothing is left open then. */
  static async start(environment: DispatcherEnvironment): Promise<Dispatcher> {
    const { config, openLambda } = environment;
    const connections = new DispatcherConnections(environment);
    try {
      for (const name of jobConnections(config)) await connections.get(name);
      const dispatcher = new Dispatcher(environment, connections, await openLambda());
      for (const job of Object.keys(config.jobs)) await dispatcher.#add(job);
      return dispatcher;
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  get jobs(): readonly JobDispatch[] {
    return this.#jobs;
  }

  /** Ready while every connection is up, every queue can be read and every function may be invoked. */
  readiness(): Readiness {
    const troubled = this.#jobs.filter(({ state }) => needsOperator(state));
    const reasons = [
      ...(this.#stopping ? ["the dispatcher is stopping"] : []),
      ...this.#connections.health.problems,
      ...troubled.map(({ name, state, detail }) => `job ${name}: ${state.replaceAll("_", " ")}: ${detail}`),
    ];
    return { ready: reasons.length === 0, reasons };
  }

  /**
   * Starts nothing more and waits up to `deadlineMs` for the drains in flight; returns how many are left to themselves.
   * They end without us, and what they settled is settled.
   */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true;
    for (const watch of this.#watches) watch.stop();
    for (const job of this.#jobs) job.stop();
    await within(this.#idle(), deadlineMs);
    const left = this.#jobs.reduce((sum, { inFlight }) => sum + inFlight, 0);
    this.#noLongerWaiting.abort();
    await this.#idle();
    this.#lambda.destroy();
    await this.#connections.close();
    return left;
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#jobs.map((job) => job.idle()));
  }

  async #add(job: string): Promise<void> {
    const { config, functionPrefix, log, now, wallNow, onInvoked } = this.#environment;
    const connectionName = config.streams[config.jobs[job]?.stream ?? ""]?.connection ?? "";
    const connection = await this.#connections.get(connectionName);
    const { budget: budgetMs, pollEvery } = config.dispatcher;
    const functionName = `${functionPrefix}${functionOfJob(config, job)}`;
    const invocation = { functionName, job, budgetMs, waitMs: budgetMs + START_MARGIN_MS };
    const turns = this.#turns.get(functionName) ?? new Turns();
    this.#turns.set(functionName, turns);
    const dispatch = new JobDispatch({
      name: job,
      functionName,
      settings: scaleSettings(config),
      invoke: () => invokeDrain(this.#lambda, invocation, this.#noLongerWaiting.signal),
      gate: this.#gate,
      turns,
      look: () => watch.look(),
      now,
      onInvoked,
      log,
    });
    const source = { connection, queue: jobQueueOf(config, job), now, wallNow };
    const watch = new QueueWatch(source, pollEvery, dispatch);
    this.#connections.onReconnect(connectionName, () => watch.reconnected());
    this.#jobs.push(dispatch);
    this.#watches.push(watch);
  }
}

function scaleSettings({ dispatcher }: Config): ScaleSettings {
  return {
    maxInvocations: dispatcher.maxInvocations,
    minIntervalMs: dispatcher.minInterval,
    rampUpMs: dispatcher.rampUp,
    coolDownMs: dispatcher.coolDown,
    maxCoolDownMs: dispatcher.maxCoolDown,
    targetAgeMs: dispatcher.targetAge,
  };
}

import type { LambdaClient } from "@aws-sdk/client-lambda";
import { Registry } from "prom-client";
import type { ResolvedFiles } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import { DISPATCHER_METRICS } from "../../shared/telemetry/dispatcher-metrics.ts";
import { startTelemetry, type TelemetryServer } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { exposeLatency, observerOf } from "../../shared/telemetry/registry.ts";
import { Dispatcher } from "./dispatcher.ts";
import { exposeDispatcher } from "./metrics.ts";

export interface DispatcherOptions {
  readonly config: Config;
  /** What stands before the names of the functions. */
  readonly functionPrefix: string;
  readonly resolved: Pick<ResolvedFiles, "connections">;
  /** Asked for once the servers could be reached; a rejection is passed on. */
  readonly openLambda: () => Promise<LambdaClient>;
  readonly log: Logger;
}

export interface DispatcherService {
  readonly dispatcher: Dispatcher;
  readonly telemetryUrl: string;
  /** As `Dispatcher.stop`; health and metrics are served until then. */
  stop(deadlineMs: number): Promise<number>;
}

/** Runs a dispatcher as a service, its metrics and health served. */
export async function runDispatcher(options: DispatcherOptions): Promise<DispatcherService> {
  const { config, functionPrefix, resolved, openLambda, log } = options;
  const registry = new Registry();
  const dispatcher = await Dispatcher.start({
    config,
    functionPrefix,
    connect: (name) => openNamed(resolved.connections, name, "dispatcher", log),
    openLambda,
    log,
    now: () => performance.now(),
    wallNow: Date.now,
    onInvoked: observerOf(exposeLatency(registry, DISPATCHER_METRICS.invocationSeconds)),
  });
  exposeDispatcher(registry, dispatcher);
  const telemetry = await serve(config, registry, dispatcher);
  log.info({ telemetry: telemetry.url, jobs: Object.keys(config.jobs) }, "the dispatcher is watching");
  return {
    dispatcher,
    telemetryUrl: telemetry.url,
    async stop(deadlineMs) {
      const left = await dispatcher.stop(deadlineMs);
      await telemetry.close();
      return left;
    },
  };
}

/** A port that is taken must not leave a dispatcher running that nobody can stop. */
async function serve(config: Config, registry: Registry, dispatcher: Dispatcher): Promise<TelemetryServer> {
  try {
    return await startTelemetry(config.dispatcher.http, registry, () => dispatcher.readiness());
  } catch (error) {
    await dispatcher.stop(0);
    throw error;
  }
}

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { readAdapterOutput } from "../../shared/choria/output.ts";
import type { ResolvedFiles } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, openNamed } from "../../shared/jetstream/connect.ts";
import { workerId } from "../../shared/jetstream/reports.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { importHandlers, type LoadHandler } from "./load-handlers.ts";
import type { OpenJobsOptions } from "./open-jobs.ts";

/** A configuration that was read, with what stands in the files it names. */
export interface ConsumerConfig {
  readonly path: string;
  readonly config: Config;
  readonly resolved: Pick<ResolvedFiles, "connections">;
}

export interface ConsumerChoice {
  /** Names in `jobs`; null: all of them. */
  readonly only: readonly string[] | null;
  readonly apply: boolean;
  readonly log: Logger;
  /** Where handlers come from. Default: modules beside the configuration file. */
  readonly loadHandler?: LoadHandler;
}

/** What opening jobs needs, from a configuration. */
export function consumerOptions({ path, config, resolved }: ConsumerConfig, choice: ConsumerChoice): OpenJobsOptions {
  const { only, apply, log, loadHandler = importHandlers(dirname(resolve(path))) } = choice;
  const connect = (name: string): Promise<Connection> => openNamed(resolved.connections, name, "worker", log);
  return { config, file: path, only, apply, log, loadHandler, connect, unwrap: payloadOf, worker: workerName() };
}

/** Of this process, unlike any other's: a restart is a new worker. */
function workerName(): string {
  return workerId(hostname(), process.pid, randomBytes(4).toString("hex"));
}

/** The payload out of go-choria's adapter envelope; any other body as it is. */
export function payloadOf(body: Uint8Array): Uint8Array {
  return readAdapterOutput(body)?.payload ?? body;
}

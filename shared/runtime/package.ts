import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { awsAccess } from "../aws/access.ts";
import { fetchSecrets } from "../aws/secrets.ts";
import { readPackaged } from "../config/packaged.ts";
import { connectionSettings } from "../config/resolve.ts";
import type { Config } from "../config/schema.ts";
import { secretNames, withSecrets } from "../config/secrets.ts";
import { ConnectError } from "../jetstream/connect-error.ts";
import type { ConnectionSettings } from "../jetstream/spec.ts";
import { createLineLogger } from "../telemetry/line-log.ts";
import type { Logger } from "../telemetry/logger.ts";

import type { MetricOutput } from "./embedded-metrics.ts";

export interface FunctionPackage {
  /** The packaged configuration; files it names are relative to it. */
  readonly configUrl: URL;
  /** The function's environment: variables of the configuration, region and credentials. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a function works with: its configuration, and how to reach its servers. */
export interface Ready {
  /** The configuration's file, for messages. */
  readonly path: string;
  readonly config: Config;
  readonly resolved: { readonly connections: Readonly<Record<string, ConnectionSettings>> };
  readonly log: Logger;
}

/** The configuration that a function was packaged with, and the secrets it names. */
export class PackagedConfig {
  readonly #bundled: FunctionPackage;
  readonly #name: string;
  /** As they were read last; null: not yet. */
  #secrets: Promise<ReadonlyMap<string, string>> | null = null;
  #read: { readonly config: Config; readonly log: Logger } | null = null;

  /** `name`: of the function, in its log lines. */
  constructor(bundled: FunctionPackage, name: string) {
    this.#bundled = bundled;
    this.#name = name;
  }

  get config(): Config {
    return this.#checked().config;
  }

  get log(): Logger {
    return this.#checked().log;
  }

  /** Metrics go to standard output past `console`, which the platform's runtime makes put a time and an id before each line. */
  get metrics(): MetricOutput {
    const { env } = this.#bundled;
    return {
      service: env["CHORIA_BRIDGE_SERVICE"] || null,
      write: (line) => process.stdout.write(`${line}\n`),
      wallNow: Date.now,
    };
  }

  /** Begins to fetch the secrets, while a starting function has the CPU for it. A failure is told by `connected`. */
  begin(): void {
    this.#secrets = this.#fetched();
    this.#secrets.catch(() => {});
  }

  /**
   * Hands what is needed to connect to `use`, and once more when it could not connect and the secrets have changed since they
   * were read: they were rotated. A certificate that is out of date looks like a server that does not answer, so every
   * failure counts. Rejects as `use`, or with `ConfigError` or `SecretError`.
   */
  async connected<T>(use: (ready: Ready) => Promise<T>): Promise<T> {
    const secrets = await this.#current();
    try {
      return await use(this.#ready(secrets));
    } catch (error) {
      if (!(error instanceof ConnectError) || secrets.size === 0) throw error;
      const now = await this.#fetched().catch(() => secrets); // that there was no connection matters more
      if ([...now].every(([name, value]) => secrets.get(name) === value)) throw error;
      this.#secrets = Promise.resolve(now);
      return use(this.#ready(now));
    }
  }

  /** What was read last; a failure is not kept. */
  async #current(): Promise<ReadonlyMap<string, string>> {
    this.#secrets ??= this.#fetched();
    try {
      return await this.#secrets;
    } catch (error) {
      this.#secrets = null;
      throw error;
    }
  }

  async #fetched(): Promise<ReadonlyMap<string, string>> {
    const names = secretNames({ connections: this.config.connections });
    return names.length === 0 ? new Map() : fetchSecrets(names, awsAccess(this.#bundled.env));
  }

  #ready(secrets: ReadonlyMap<string, string>): Ready {
    const { configUrl } = this.#bundled;
    const { config, log } = this.#checked();
    const path = fileURLToPath(configUrl);
    const read = (name: string): string => readFileSync(new URL(name, configUrl), "utf8");
    const files = withSecrets({ file: path, read }, secrets);
    const names = Object.keys(config.connections);
    const connections = Object.fromEntries(names.map((name) => [name, connectionSettings(config, name, files)]));
    return { path, config, resolved: { connections }, log };
  }

  #checked(): { readonly config: Config; readonly log: Logger } {
    const { configUrl, env } = this.#bundled;
    if (this.#read === null) {
      const config = readPackaged(readFileSync(configUrl, "utf8"), fileURLToPath(configUrl), env);
      const output = { write: (line: string) => process.stderr.write(`${line}\n`), wallNow: Date.now };
      this.#read = { config, log: createLineLogger(this.#name, config.log.level, output) };
    }
    return this.#read;
  }
}

import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { stringify } from "yaml";
import { type BridgeService, runBridge } from "../../functions/bridge/run.ts";
import { trustSection } from "../../functions/simulate/trust.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { type ResolvedFiles, resolveFiles } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { TestFleet } from "./fleet.ts";

export const REGISTRATION_SUBJECT = "mcollective.broadcast.agent.registration";

/** A configuration as a user would write it, one registration ingest into one work queue, with `changes` laid over it. */
export function bridgeConfig(url: string, fleet: TestFleet, changes: Record<string, unknown> = {}): Config {
  const document = {
    connections: { main: { servers: [url] } },
    trust: trustSection(fleet.pki, "mcollective"),
    ingest: { registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"] } },
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}" } },
    bridge: { http: { port: 0 } },
    worker: { http: { port: 0 } },
    ...changes,
  };
  return parseConfig(stringify(document), "test.yaml", {});
}

export function resolveTestFiles(config: Config): ResolvedFiles {
  return resolveFiles(config, { file: "test.yaml", read: (path) => readFileSync(path, "utf8") });
}

export async function startTestBridge(
  t: Pick<TestContext, "after">,
  config: Config,
  log: Logger = pino({ level: "silent" }),
): Promise<BridgeService> {
  const service = await runBridge({ config, resolved: resolveTestFiles(config), apply: false, log });
  t.after(() => service.stop(200));
  return service;
}

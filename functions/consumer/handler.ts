import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../shared/config/load.ts";
import { connectionSettings } from "../../shared/config/resolve.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { type DrainReport, drainOnce } from "./drain.ts";
import { bundledHandlers } from "./load-handlers.ts";
import { OpenJobs, type OpenJobsOptions } from "./open-jobs.ts";
import { consumerOptions } from "./options.ts";

/** What a Lambda invocation tells about its time. */
export interface InvocationContext {
  getRemainingTimeInMillis(): number;
}

export type LambdaHandler = (event: unknown, context: InvocationContext) => Promise<DrainReport>;

export interface Package {
  /** The packaged configuration; files it names are relative to it. */
  readonly configUrl: URL;
  /** Handlers that were bundled, by the reference in the configuration. */
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Kept back from the invocation's time: a function that is cut off leaves its messages to their leases. */
const MARGIN_MS = 1_000;
/** A connection that was fine before the freeze answers within a few milliseconds, or is gone. */
const PROBE_MS = 400;

/**
 * The function: each invocation drains the jobs within its time. The configuration is read once, when the process starts,
 * so that a mistake fails the deployment's first invocation and not the first message.
 */
export function makeLambda(bundled: Package): LambdaHandler {
  const options = readPackage(bundled);
  let kept: Promise<OpenJobs> | null = null;
  return async (_event, context) => {
    kept = reuse(kept, options);
    let opened: OpenJobs;
    try {
      opened = await kept;
    } catch (error) {
      kept = null; // a failure is not kept for the next invocation
      throw error;
    }
    const report = await drainOnce(opened, { forMs: Math.max(0, context.getRemainingTimeInMillis() - MARGIN_MS) });
    options.log.info(report, "drained");
    return report;
  };
}

/** Connections outlive an invocation; after a freeze the server may have hung up without our noticing. */
async function reuse(kept: Promise<OpenJobs> | null, options: OpenJobsOptions): Promise<OpenJobs> {
  if (kept === null) return OpenJobs.open(options);
  const opened = await kept;
  // What the socket has to say about the time of the freeze is heard in these two turns.
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  if (await opened.connections.answer(PROBE_MS)) return opened;
  opened.close().catch(() => {}); // it is being replaced because it does not answer
  return OpenJobs.open(options);
}

function readPackage({ configUrl, handlers }: Package): OpenJobsOptions {
  const path = fileURLToPath(configUrl);
  const config = parseConfig(readFileSync(configUrl, "utf8"), path, process.env);
  const files = { file: path, read: (name: string) => readFileSync(new URL(name, configUrl), "utf8") };
  const names = Object.keys(config.connections);
  const connections = Object.fromEntries(names.map((name) => [name, connectionSettings(config, name, files)]));
  const log = createLogger("consumer", config.log.level);
  const loadHandler = bundledHandlers(handlers);
  return consumerOptions({ path, config, resolved: { connections } }, { only: null, apply: false, log, loadHandler });
}

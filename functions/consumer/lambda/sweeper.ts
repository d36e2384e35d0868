import { openNamed } from "../../../shared/jetstream/connect.ts";
import { type FunctionHandler, toldInOneLine } from "../../../shared/runtime/invocation.ts";
import { type FunctionPackage, PackagedConfig } from "../../../shared/runtime/package.ts";
import { WorkerConnections } from "../connections.ts";
import { type SweepReport, sweepOnce } from "../sweep-once.ts";
import { writeSwept } from "./queue-metrics.ts";

/**
 * The function that looks for stranded messages, and takes what it finds to the dead letters. It runs every few minutes, so
 * its connections last for one invocation. A sweep that could not look everywhere is an error of the function.
 */
export function makeSweeper(bundled: FunctionPackage): FunctionHandler<SweepReport> {
  const packaged = new PackagedConfig(bundled, "sweeper");
  packaged.begin();
  return () =>
    toldInOneLine(() =>
      packaged.connected(async ({ config, resolved, log }) => {
        const connect = (name: string) => openNamed(resolved.connections, name, "sweeper");
        const connections = new WorkerConnections({ connect, log, now: () => performance.now() });
        try {
          const report = await sweepOnce(config, (name) => connections.get(name));
          log.info(report, "swept");
          writeSwept(report, packaged.metrics);
          if (report.failures.length > 0) throw new SweepFailedError(report.failures);
          return report;
        } finally {
          await connections.close();
        }
      }),
    );
}

/** A part of the sweep did not end; the next one tries again. */
class SweepFailedError extends Error {
  override readonly name = "SweepFailedError";
  readonly code = "SWEEP_FAILED";

  constructor(failures: readonly string[]) {
    super(failures.join("; "));
  }
}

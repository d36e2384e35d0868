import { Option } from "commander";
import { createLogger } from "../../shared/telemetry/log.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { type DrainReport, drainOnce } from "../consumer/drain.ts";
import { OpenJobs } from "../consumer/open-jobs.ts";
import { type ConsumerConfig, consumerOptions } from "../consumer/options.ts";
import { runWorker } from "../consumer/service.ts";
import { timeSpan } from "./arguments.ts";
import { openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT } from "./exit.ts";
import { firstSignal } from "./signals.ts";

interface WorkerArguments {
  readonly config: string;
  readonly job?: readonly string[];
  readonly apply: boolean;
}

interface DrainArguments extends WorkerArguments {
  readonly for: number;
  readonly json: boolean;
}

const CONFIG = ["-c, --config <file>", "configuration file (YAML)"] as const;
const JOB = ["-j, --job <name...>", "only these jobs (default: every job)"] as const;
const APPLY = [
  "--apply",
  "change streams and consumers whose settings differ from the configuration, where JetStream allows it",
] as const;

/** `choria-bridge worker`: processes jobs until it is told to stop. */
export const registerWorker: RegisterCommand = (program, { env }) => {
  program
    .command("worker")
    .description(
      "Pulls the messages of the jobs, runs their handlers and acknowledges each, confirmed by the server. SIGTERM lets " +
        "running jobs end, gives the rest back and ends.",
    )
    .requiredOption(...CONFIG)
    .option(...JOB)
    .option(...APPLY, false)
    .action(async (given: WorkerArguments) => {
      const opened = openConfigFile(given.config, env);
      const told = firstSignal(); // before anything is pulled: a stop during the start must not leave leases behind
      const options = optionsOf(opened, given);
      const service = await runWorker(options);
      await Promise.race([told, floatingRejection(options.log)]);
      const { abandoned } = await service.stop(opened.config.worker.shutdownTimeout);
      if (abandoned > 0) process.exitCode = EXIT.failed;
    });
};

/**
 * A handler that lets a promise go has left the process in a state that nobody knows: it is stopped in good order, which
 * costs the messages in hand nothing, and whoever watches it starts another.
 */
function floatingRejection(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    process.on("unhandledRejection", (reason) => {
      log.error({ err: reason, code: "UNHANDLED_REJECTION" }, "a handler let a rejected promise go: the worker stops");
      process.exitCode = EXIT.failed;
      resolve();
    });
  });
}

/** `choria-bridge drain`: processes what is there and ends, as a scheduled function does. */
export const registerDrain: RegisterCommand = (program, { env }) => {
  program
    .command("drain")
    .description(
      "Processes what the jobs' queues hold until they are empty or the time is over, and says what was done.",
    )
    .requiredOption(...CONFIG)
    .option(...JOB)
    .option(...APPLY, false)
    .addOption(new Option("--for <span>", "longest time it may take").argParser(timeSpan).default(10_000, "10s"))
    .option("--json", "print the report as JSON", false)
    .action(async (given: DrainArguments) => {
      const opened = openConfigFile(given.config, env);
      const jobs = await OpenJobs.open(optionsOf(opened, given));
      const stop = new AbortController();
      void firstSignal().then(() => stop.abort());
      try {
        const report = await drainOnce(jobs, { forMs: given.for, stop: stop.signal });
        console.log(given.json ? JSON.stringify(report) : describe(report));
      } finally {
        await jobs.close();
      }
    });
};

function optionsOf(opened: ConsumerConfig & { config: { log: { level: string } } }, given: WorkerArguments) {
  const log = createLogger("worker", opened.config.log.level);
  return consumerOptions(opened, { only: given.job ?? null, apply: given.apply, log });
}

function describe(report: DrainReport): string {
  const { reason, left, ...counts } = report;
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return `${parts.join(", ")}; ${left ?? "unknown"} left; ended because: ${reason}`;
}

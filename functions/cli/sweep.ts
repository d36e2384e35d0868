import { REQUEUED, type SweepReport, sweepOnce } from "../consumer/sweep-once.ts";
import { commandChannels } from "./channels.ts";
import { openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT } from "./exit.ts";

interface SweepArguments {
  readonly config: string;
  readonly json: boolean;
}

export const registerSweep: RegisterCommand = (program, { env }) => {
  program
    .command("sweep")
    .description(
      "Looks once for messages whose deliveries are spent without anybody having settled them, and takes them to the " +
        "dead letters; what lies in a queue unseen is put back at its end. Workers do the same every worker.sweepEvery.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--json", "print the report as JSON", false)
    .action(async ({ config, json }: SweepArguments) => {
      const opened = openConfigFile(config, env);
      const channels = commandChannels(opened, "sweep");
      try {
        const report = await sweepOnce(opened.config, (name) => channels.get(name));
        console.log(json ? JSON.stringify(report) : describe(report));
        if (report.failures.length > 0) process.exitCode = EXIT.failed;
      } finally {
        await channels.close();
      }
    });
};

function describe({ swept, streams, failures }: SweepReport): string {
  const jobs = Object.entries(swept).map(([job, counts]) => {
    const parts = Object.entries(counts).map(([by, count]) =>
      by === REQUEUED ? `${count} put back at the end of its queue` : `${count} found by ${by}`,
    );
    return `job ${job}: ${parts.join(", ")}`;
  });
  const queues = Object.entries(streams).map(
    ([name, { messages, stranded, unclaimed }]) =>
      `stream ${name}: ${messages} messages, ${stranded} stranded, ${unclaimed} on subjects without a consumer`,
  );
  return [
    ...(jobs.length === 0 ? ["nothing was stranded"] : jobs),
    ...queues,
    ...failures.map((failure) => `failed: ${failure}`),
  ].join("\n");
}

import { jobConnections, streamName } from "../../shared/config/names.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { type Stranded, strandedIn } from "../../shared/jetstream/stranded.ts";
import type { SweepEvent } from "../../shared/jetstream/sweep.ts";
import { Sweeper } from "../consumer/sweeper.ts";
import { Channels } from "./channels.ts";
import { type OpenConfig, openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT } from "./exit.ts";

const REQUEUED = "requeued";

interface SweepArguments {
  readonly config: string;
  readonly json: boolean;
}

interface SweepReport {
  /** By job, then by how they were found, or that they were put back. */
  readonly swept: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What is left, by stream. */
  readonly streams: Readonly<Record<string, Stranded>>;
  readonly failures: readonly string[];
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
      const channels = new Channels(opened, "sweep");
      try {
        const report = await sweepOnce(opened, channels);
        console.log(json ? JSON.stringify(report) : describe(report));
        if (report.failures.length > 0) process.exitCode = EXIT.failed;
      } finally {
        await channels.close();
      }
    });
};

async function sweepOnce(opened: OpenConfig, channels: Channels): Promise<SweepReport> {
  const swept: Record<string, Record<string, number>> = {};
  const failures: string[] = [];
  const onEvent = (event: SweepEvent): void => {
    if (event.type === "sweep_failed") {
      failures.push(`${event.what}: ${event.detail}`);
      return;
    }
    const counts = swept[event.job] ?? {};
    const what = event.type === "requeued" ? REQUEUED : event.by;
    swept[event.job] = { ...counts, [what]: (counts[what] ?? 0) + 1 };
  };
  const sweeper = await Sweeper.open({
    config: opened.config,
    channel: (name) => channels.get(name),
    apply: false,
    onEvent,
  });
  await sweeper.once();
  return { swept, streams: await strandedStreams(opened, channels), failures };
}

async function strandedStreams({ config }: OpenConfig, channels: Channels): Promise<SweepReport["streams"]> {
  const streams: Record<string, Stranded> = {};
  for (const connection of jobConnections(config)) {
    const jsm = await manage((await channels.get(connection)).connection);
    const entries = new Set(Object.values(config.jobs).map(({ stream }) => stream));
    for (const entry of entries) {
      if (config.streams[entry]?.connection !== connection) continue;
      const name = streamName(config, entry);
      const found = await strandedIn(jsm, name);
      if (found !== null) streams[name] = found;
    }
  }
  return streams;
}

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

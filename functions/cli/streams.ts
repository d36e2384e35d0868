import type { Command } from "commander";
import { jobConnections, keptConnection } from "../../shared/config/names.ts";
import {
  advisoriesSpec,
  auditSpec,
  consumerSpec,
  deadLetterSpec,
  delayedConsumerSpec,
  delayedSpec,
  quarantineSpec,
  sourceConsumers,
  streamSpec,
  sweeperConsumerSpec,
} from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, openNamed } from "../../shared/jetstream/connect.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import type { ConsumerSpec, StreamSpec } from "../../shared/jetstream/spec.ts";
import {
  type Comparison,
  compareConsumer,
  compareStream,
  ensureConsumer,
  ensureStream,
} from "../../shared/jetstream/topology.ts";
import { describeDifference, TopologyError, TopologyRefusedError } from "../../shared/jetstream/topology-error.ts";
import { type OpenConfig, openConfigFile } from "./config-file.ts";
import type { CliContext } from "./context.ts";
import { EXIT } from "./exit.ts";

interface StreamsArguments {
  readonly config: string;
  readonly json: boolean;
}

interface ApplyArguments extends StreamsArguments {
  readonly apply: boolean;
}

type Management = Awaited<ReturnType<Connection["jetstreamManager"]>>;

/** A stream or a job's consumer, and where it lives. */
export type Part =
  | { readonly kind: "stream"; readonly connection: string; readonly name: string; readonly spec: StreamSpec }
  | { readonly kind: "consumer"; readonly connection: string; readonly name: string; readonly spec: ConsumerSpec };

interface Result {
  readonly kind: Part["kind"];
  readonly name: string;
  readonly state: "as configured" | "missing" | "differs" | "created" | "updated" | "refused";
  readonly details: readonly string[];
}

/** `streams check` and `streams apply`. */
export function registerStreams(program: Command, { env }: CliContext): void {
  const command = program
    .command("streams")
    .description("compare or make the streams and consumers of a configuration");
  command
    .command("check")
    .description("say for each stream and consumer whether the server has it as configured; exit code 1 if not")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--json", "print JSON", false)
    .action(({ config, json }: StreamsArguments) => run(openConfigFile(config, env), json, checkPart));
  command
    .command("apply")
    .description("make the streams and consumers that are missing")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--apply", "also change existing ones whose settings differ, where JetStream allows it", false)
    .option("--json", "print JSON", false)
    .action(({ config, json, apply }: ApplyArguments) =>
      run(openConfigFile(config, env), json, (jsm, part) => applyPart(jsm, part, apply)),
    );
}

type Visit = (jsm: Management, part: Part) => Promise<Result>;

async function run({ config, resolved }: OpenConfig, json: boolean, visit: Visit): Promise<void> {
  const results: Result[] = [];
  const parts = partsOf(config);
  for (const name of new Set(parts.map(({ connection }) => connection))) {
    const connection = await openNamed(resolved.connections, name, "streams");
    try {
      const jsm = await manage(connection);
      for (const part of parts) if (part.connection === name) results.push(await visit(jsm, part));
    } finally {
      await connection.close();
    }
  }
  print(results, json);
}

/** Streams before consumers: a consumer needs its stream. */
export function partsOf(config: Config): readonly Part[] {
  const streams = Object.entries(config.streams).map(([name, { connection }]): Part => {
    return { kind: "stream", connection, name, spec: streamSpec(config, name) };
  });
  const kept = (
    [
      ["quarantine", quarantineSpec(config)],
      ["deadLetters", deadLetterSpec(config)],
      ["audit", auditSpec(config)],
    ] as const
  ).flatMap(([name, spec]): Part[] => {
    const connection = keptConnection(config, name);
    return connection === null ? [] : [{ kind: "stream", connection, name, spec }];
  });
  const shared = jobConnections(config).flatMap((connection): Part[] => [
    { kind: "stream", connection, name: "delayed", spec: delayedSpec(config) },
    { kind: "stream", connection, name: "advisories", spec: advisoriesSpec(config) },
    ...Object.keys(config.jobs).flatMap((job): Part[] => {
      if (config.streams[config.jobs[job]?.stream ?? ""]?.connection !== connection) return [];
      return [{ kind: "consumer", connection, name: `delayed ${job}`, spec: delayedConsumerSpec(config, job) }];
    }),
    { kind: "consumer", connection, name: "sweeper", spec: sweeperConsumerSpec(config) },
  ]);
  const consumers = Object.entries(config.jobs).flatMap(([name, job]): Part[] => {
    const connection = config.streams[job.stream]?.connection;
    // The consumers of an ordered job are made by the owners of its partitions, and go with them.
    if (connection === undefined || job.order !== undefined) return [];
    return [{ kind: "consumer", connection, name, spec: consumerSpec(config, name) }];
  });
  const sources = sourceConsumers(config).map(({ ingest, connection, spec }): Part => {
    return { kind: "consumer", connection, name: `source of ${ingest}`, spec };
  });
  return [...streams, ...kept, ...shared, ...consumers, ...sources];
}

async function checkPart(jsm: Management, part: Part): Promise<Result> {
  const { kind, name } = part;
  const found: Comparison =
    part.kind === "stream" ? await compareStream(jsm, part.spec) : await compareConsumer(jsm, part.spec);
  if (found === "missing") return { kind, name, state: "missing", details: [] };
  return {
    kind,
    name,
    state: found.length === 0 ? "as configured" : "differs",
    details: found.map(describeDifference),
  };
}

async function applyPart(jsm: Management, part: Part, apply: boolean): Promise<Result> {
  const { kind, name } = part;
  try {
    const ensured =
      part.kind === "stream"
        ? await ensureStream(jsm, part.spec, { apply })
        : await ensureConsumer(jsm, part.spec, { apply });
    return { kind, name, state: ensured === "unchanged" ? "as configured" : ensured, details: [] };
  } catch (error) {
    if (error instanceof TopologyError) {
      return { kind, name, state: "differs", details: error.differences.map(describeDifference) };
    }
    if (error instanceof TopologyRefusedError) return { kind, name, state: "refused", details: [`  ${error.message}`] };
    throw error;
  }
}

function print(results: readonly Result[], json: boolean): void {
  const failed = results.some(({ state }) => state === "missing" || state === "differs" || state === "refused");
  if (json) process.stdout.write(`${JSON.stringify({ ok: !failed, results }, null, 2)}\n`);
  else for (const result of results) process.stdout.write(`${lineOf(result)}\n`);
  if (failed) process.exitCode = EXIT.failed;
}

function lineOf({ kind, name, state, details }: Result): string {
  return [`${kind} ${name}: ${state}`, ...details].join("\n");
}

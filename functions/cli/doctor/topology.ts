import { bucketNames, jobConnections } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { STREAM_NOT_FOUND, unlessMissing } from "../../../shared/jetstream/api-error.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import type { StreamSpec } from "../../../shared/jetstream/spec.ts";
import { type Comparison, compareConsumer, compareStream } from "../../../shared/jetstream/topology.ts";
import { describeDifference, type SettingDifference } from "../../../shared/jetstream/topology-error.ts";
import type { CommandConnections, Management } from "../command-connections.ts";
import { type Part, partsOf } from "../streams.ts";
import { countText } from "../text.ts";
import { sizeOf } from "./connections.ts";
import { examined, fail, type Line, ok, warn } from "./line.ts";

const NEARLY_FULL = 0.8;
const FULL = 0.98;

/** Streams, consumers and buckets against the configuration, and how full the streams are. */
export async function examineTopology(
  config: Config,
  connections: CommandConnections,
  usable: ReadonlySet<string>,
): Promise<readonly Line[]> {
  const all = partsOf(config);
  const parts = all.filter((part) => usable.has(part.connection) && !isPartitioned(config, part));
  const lines: Line[] = [];
  for (const part of parts) {
    const about = `${part.kind} ${part.name}`;
    const examine = async () => {
      const { jsm } = await connections.get(part.connection);
      const foreign = foreignStream(all, part);
      if (foreign !== null && !(await isThere(jsm, foreign))) return [noSourceLine(about, foreign)];
      return partLines(jsm, part, about);
    };
    lines.push(...(await examined(about, examine)));
  }
  for (const name of jobConnections(config).filter((connection) => usable.has(connection))) {
    lines.push(...(await examined("buckets", () => bucketLines(config, connections, name))));
  }
  return lines;
}

/** The stream of a consumer, where it is not ours: that of a source. */
function foreignStream(all: readonly Part[], part: Part): string | null {
  if (part.kind === "stream") return null;
  const { stream } = part.spec;
  const isIt = (each: Part): boolean =>
    each.kind === "stream" && each.connection === part.connection && each.spec.name === stream;
  return all.some(isIt) ? null : stream;
}

async function isThere(jsm: Management, stream: string): Promise<boolean> {
  return (await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(stream))) !== null;
}

function noSourceLine(about: string, stream: string): Line {
  const todo = "nothing here makes it, and without it the bridge does not start: make it, or correct `source.stream`";
  return fail(about, `its stream ${stream} is not there`, todo);
}

/** A job with order has a consumer per partition, made and removed by its workers. */
function isPartitioned({ jobs }: Config, { kind, name }: Part): boolean {
  return kind === "consumer" && Object.hasOwn(jobs, name) && jobs[name]?.order !== undefined;
}

async function partLines(jsm: Management, part: Part, about: string): Promise<readonly Line[]> {
  const found: Comparison =
    part.kind === "stream" ? await compareStream(jsm, part.spec) : await compareConsumer(jsm, part.spec);
  if (found === "missing") {
    // Nothing is wrong with a system in which nobody has replayed or paused anything yet.
    if (part.kind === "stream" && part.name === "audit")
      return [ok(about, "not there yet: made by what it is to record")];
    return [
      warn(about, "missing", "whoever needs it makes it at its start; `choria-bridge streams apply` makes it now"),
    ];
  }
  if (found.length > 0) return [differenceLine(about, found)];
  if (part.kind === "consumer") return [ok(about, "as configured")];
  return [await fillLine(jsm, part.spec, about)];
}

function differenceLine(about: string, found: readonly SettingDifference[]): Line {
  const text = ["differs from the configuration:", ...found.map(describeDifference)].join("\n");
  const todo = found.every(({ isChangeable }) => isChangeable)
    ? "`choria-bridge streams apply --apply` changes it, or configure it so"
    : "configure it as it is, or give it a new name";
  return fail(about, text, todo);
}

async function fillLine(jsm: Management, spec: StreamSpec, about: string): Promise<Line> {
  const { state } = await jsm.streams.info(spec.name);
  const share = Math.max(part(state.bytes, spec.maxBytes), part(state.messages, spec.maxMessages));
  const most = spec.maxBytes < 0 ? "" : ` of ${sizeOf(spec.maxBytes)}`;
  const percent = `${Math.floor(share * 100)} %`;
  const text = `as configured, ${countText(state.messages)} messages, ${sizeOf(state.bytes)}${most} (${percent})`;
  // A stream that drops its oldest is meant to be full.
  if (spec.discard === "old" || share < NEARLY_FULL) return ok(about, text);
  const todo = "run more workers, or raise its limits: a full stream refuses what is published";
  return share < FULL ? warn(about, text, todo) : fail(about, text, todo);
}

function part(amount: number, most: number): number {
  return most <= 0 ? 0 : amount / most;
}

async function bucketLines(config: Config, connections: CommandConnections, name: string): Promise<readonly Line[]> {
  const { connection } = await connections.get(name);
  const found = await Promise.all(
    Object.values(bucketNames(config)).map(async (bucket) => [bucket, await Bucket.find(connection, bucket)] as const),
  );
  const missing = found.filter(([, bucket]) => bucket === null).map(([bucket]) => bucket);
  const about = `buckets on ${name}`;
  if (missing.length === 0) return [ok(about, found.map(([bucket]) => bucket).join(", "))];
  return [warn(about, `missing: ${missing.join(", ")}`, "a worker makes them at its start")];
}

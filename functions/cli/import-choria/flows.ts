import { compileTemplate, TemplateError } from "../../../shared/subjects/template.ts";
import { type Adapter, carriesRequests } from "./adapters.ts";
import type { ConnectionEntries } from "./connections.ts";
import type { Report } from "./report.ts";

/** An ingest as it is written into the configuration. */
export interface IngestEntry {
  readonly connection: string;
  readonly subject: string;
  readonly kind: "registration" | "request" | "reply" | "auto";
  readonly proof?: "hash";
  readonly queue?: string;
  readonly to: readonly string[];
}

export interface StreamEntry {
  readonly connection: string;
  readonly subject: string;
  readonly retention: "limits";
  readonly duplicateWindow?: string;
  allowUnprovenSender?: true;
  buffer?: { readonly maxMessages: number };
}

export interface Flows {
  readonly ingest: Readonly<Record<string, IngestEntry>>;
  readonly streams: Readonly<Record<string, StreamEntry>>;
}

interface Surroundings {
  readonly connections: ConnectionEntries;
  /** A v1 reply has no signature at all; a v2 one may have been told to go without. */
  readonly hasWeakReplies: boolean;
  /** Null where the default will do. */
  readonly duplicateWindow: string | null;
}

/** Default of streams.*.buffer.maxMessages. */
const BUFFER_MESSAGES = 20_000;
/** What a real sender looks like: go-choria puts it into the subject as it is. */
const SAMPLE_SENDER = "node1.example.net";

/** An ingest for each adapter, and a stream for each subject that they publish to. */
export function flowsOf(adapters: readonly Adapter[], report: Report, around: Surroundings): Flows {
  const ingest: Record<string, IngestEntry> = {};
  const streams: Record<string, StreamEntry> = {};
  for (const adapter of adapters) {
    const name = entryName(adapter.name, ingest, report);
    const connection = around.connections.streams(name, adapter.servers);
    const kind = kindOf(adapter, report, name);
    const proof = kind === "reply" && around.hasWeakReplies ? "hash" : undefined;
    const stream = streamFor(streams, { adapter, name, connection }, { report, around });
    const entry = streams[stream];
    if (entry === undefined) continue;
    const provesSender = kind === "registration" || (kind === "reply" && proof === undefined);
    if (!provesSender && adapter.target.includes("%s")) allowSender(entry, stream, report);
    if (adapter.queueLength > (entry.buffer?.maxMessages ?? BUFFER_MESSAGES)) {
      entry.buffer = { maxMessages: adapter.queueLength };
    }
    const queue = adapters.length > 1 ? { queue: `choria-bridge-${name}` } : {};
    const proven = proof === undefined ? {} : { proof: "hash" as const };
    const subject = adapter.topic;
    ingest[name] = { connection: around.connections.broker, subject, kind, ...proven, ...queue, to: [stream] };
  }
  return { ingest, streams };
}

function kindOf({ carries, topic }: Adapter, report: Report, name: string): IngestEntry["kind"] {
  if (carries === "replies") return "reply";
  if (/(?:^|\.)broadcast\.agent\.registration$/.test(topic)) return "registration";
  if (carriesRequests(topic) && !/[*>]/.test(topic.split(".").at(-1) ?? "")) return "request";
  const text = `${topic} may carry registrations and requests: both are taken; write \`kind: registration\` if that is all`;
  report.remark("choose", text, ["ingest", name, "kind"]);
  return "auto";
}

function allowSender(entry: StreamEntry, stream: string, report: Report): void {
  entry.allowUnprovenSender = true;
  const text = `${stream}: nothing proves the sender that stands in the subject, as little as with go-choria`;
  report.remark("changed", text, ["streams", stream, "allowUnprovenSender"]);
}

interface Wanted {
  readonly adapter: Adapter;
  readonly name: string;
  readonly connection: string;
}

/** The stream for an adapter's subject: adapters that publish to the same one share it. */
function streamFor(
  streams: Record<string, StreamEntry>,
  { adapter, name, connection }: Wanted,
  { report, around }: { report: Report; around: Surroundings },
): string {
  const { target: subject } = adapter;
  const shared = Object.entries(streams).find(([, one]) => one.connection === connection && one.subject === subject);
  if (shared !== undefined) return shared[0];
  checkTemplate(adapter, report);
  const window = around.duplicateWindow === null ? {} : { duplicateWindow: around.duplicateWindow };
  streams[name] = { connection, subject, retention: "limits", ...window };
  const text =
    `if a stream stores ${subject.replaceAll("%s", "*")} today, write its name (\`name: NAME\`) and its own limits here, until ` +
    "`choria-bridge streams check` finds no difference; otherwise the bridge makes this one";
  report.remark("choose", text, ["streams", name]);
  return name;
}

/** go-choria puts the sender in as it is, dots and all; here it is one token where more would be ambiguous. */
function checkTemplate({ name, target }: Adapter, report: Report): void {
  const key = `plugin.choria.adapter.${name}.stream.topic`;
  try {
    const facts = { sender: SAMPLE_SENDER, collective: "", agent: "", caller: "" };
    const [ours, theirs] = [compileTemplate(target).render(facts), target.replaceAll("%s", SAMPLE_SENDER)];
    if (ours === theirs) return;
    const text = `${key}: ${SAMPLE_SENDER} is stored under ${ours}; go-choria uses ${theirs}. To keep it, end the subject with .%s`;
    report.remark("changed", text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    report.problem(key, `"${target}" ${error.problem}`, error.fix);
  }
}

/** Names of entries are letters, digits, `_` and `-`. */
function entryName(adapter: string, taken: object, report: Report): string {
  const clean = adapter.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 60);
  let name = clean;
  for (let next = 2; Object.hasOwn(taken, name); next += 1) name = `${clean}_${next}`;
  if (name !== adapter) report.remark("changed", `adapter ${adapter} is called ${name} here`);
  return name;
}

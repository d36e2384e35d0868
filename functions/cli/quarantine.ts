import { createTrust } from "../../shared/choria/trust.ts";
import { keptConnection } from "../../shared/config/names.ts";
import { quarantineSpec } from "../../shared/config/resolve.ts";
import { errCodeOf, STREAM_NOT_FOUND } from "../../shared/jetstream/api-error.ts";
import { browse, deleteMessage, readMessage } from "../../shared/jetstream/browse.ts";
import { type Connection, openNamed } from "../../shared/jetstream/connect.ts";
import { publishOnce } from "../../shared/jetstream/publish-once.ts";
import { ReplyInbox } from "../../shared/jetstream/replies.ts";
import { type Quarantined, type ReplayResult, readQuarantined, replay } from "../bridge/quarantine/replay.ts";
import { type OpenConfig, openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { preview } from "./terminal.ts";

const ACK_TIMEOUT_MS = 5_000;

interface Selection {
  readonly config: string;
  readonly code?: string;
  readonly json?: boolean;
  readonly limit?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

export const registerQuarantine: RegisterCommand = (program, { env }) => {
  const quarantine = program.command("quarantine").description("Looks at rejected messages, and judges them again.");
  const open = (path: string) => openConfigFile(path, env);

  quarantine
    .command("ls")
    .description("Lists rejected messages, oldest first.")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--code <code>", "only those refused with this code")
    .option("--limit <n>", "at most this many", "100")
    .option("--json", "one JSON object a line")
    .action((options: Selection) => withQuarantine(open(options.config), (store) => list(store, options)));

  quarantine
    .command("show <sequence>")
    .description("Shows one rejected message: why it was refused, and its bytes (--json: in base64).")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--json", "as a JSON object")
    .action((sequence: string, options: Selection) =>
      withQuarantine(open(options.config), (store) => show(store, sequenceOf(sequence), options)),
    );

  quarantine
    .command("replay [sequences...]")
    .description(
      "Judges rejected messages again, as of the moment they arrived, stores those that pass now and removes them from the quarantine.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--all", "every message, or every one with --code")
    .option("--code <code>", "only those refused with this code")
    .option("--dry-run", "judge, but store and remove nothing")
    .option("--json", "one JSON object a line")
    .action((sequences: string[], options: Selection) =>
      withQuarantine(open(options.config), (store) => replaySelected(store, sequences.map(sequenceOf), options)),
    );
};

interface QuarantineStore {
  readonly opened: OpenConfig;
  readonly connection: Connection;
  readonly stream: string;
}

async function withQuarantine(opened: OpenConfig, use: (store: QuarantineStore) => Promise<void>): Promise<void> {
  const name = keptConnection(opened.config, "quarantine");
  if (name === null) throw new UsageError("the configuration has no connection for the quarantine");
  const connection = await connectTo(opened, name);
  const stream = quarantineSpec(opened.config).name;
  try {
    await use({ opened, connection, stream });
  } catch (error) {
    if (errCodeOf(error) !== STREAM_NOT_FOUND) throw error;
    throw new Error(`there is no stream "${stream}" yet: a bridge of this configuration makes it`, { cause: error });
  } finally {
    await connection.close();
  }
}

function connectTo({ resolved }: OpenConfig, name: string): Promise<Connection> {
  return openNamed(resolved.connections, name, "quarantine");
}

function sequenceOf(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new UsageError(`"${text}" is no sequence number; see "quarantine ls"`);
  return Number(text);
}

async function* select({ connection, stream }: QuarantineStore, code?: string): AsyncIterable<Quarantined> {
  for await (const message of browse(connection, { stream, fromSequence: 1 })) {
    const entry = readQuarantined(message);
    if (code === undefined || entry.code === code) yield entry;
  }
}

async function list(store: QuarantineStore, { code, json, limit = "100" }: Selection): Promise<void> {
  let left = sequenceOf(limit);
  for await (const entry of select(store, code)) {
    console.log(json ? JSON.stringify(facts(entry)) : line(entry));
    left -= 1;
    if (left === 0) return;
  }
}

async function show(store: QuarantineStore, sequence: number, { json }: Selection): Promise<void> {
  const message = await readMessage(store.connection, store.stream, sequence);
  if (message === null) throw new Error(`the quarantine holds no message ${sequence}`);
  const entry = readQuarantined(message);
  const body = Buffer.from(entry.body);
  if (json) {
    console.log(JSON.stringify({ ...facts(entry), body: body.toString("base64") }));
    return;
  }
  for (const [name, value] of Object.entries(facts(entry))) {
    for (const one of [value].flat()) console.log(`${name.padEnd(10)} ${String(one)}`);
  }
  console.log(`\n${preview(body)}`);
}

async function replaySelected(
  store: QuarantineStore,
  sequences: readonly number[],
  { all = false, code, dryRun = false, json = false }: Selection,
): Promise<void> {
  if (sequences.length === 0 && !all && code === undefined) {
    throw new UsageError("name sequences, or say --all or --code");
  }
  const wanted = new Set(sequences);
  const judge = await replayer(store, dryRun);
  const totals = { stored: 0, rejected: 0, unusable: 0, failed: 0 };
  try {
    for await (const entry of select(store, code)) {
      if (sequences.length > 0 && !wanted.delete(entry.sequence)) continue;
      const result = await judge.replay(entry);
      totals[result.type] += 1;
      console.log(
        json ? JSON.stringify({ ...facts(entry), result }) : `${line(entry)}\n    -> ${outcome(result, dryRun)}`,
      );
    }
  } finally {
    await judge.close();
  }
  for (const sequence of wanted) console.error(`the quarantine holds no message ${sequence}`);
  if (!json)
    console.log(
      Object.entries(totals)
        .map(([type, count]) => `${count} ${type}`)
        .join(", "),
    );
  if (totals.failed > 0 || wanted.size > 0) process.exitCode = EXIT.failed;
  else if (totals.rejected + totals.unusable > 0) process.exitCode = EXIT.rejected;
}

/** Judges and, unless it is a dry run, stores; a stored message leaves the quarantine only after its PubAcks. */
async function replayer(store: QuarantineStore, dryRun: boolean) {
  const { config, resolved } = store.opened;
  const trust = createTrust(resolved.trust);
  const channels = new Map<string, { connection: Connection; replies: ReplyInbox }>();
  for (const { connection: name } of Object.values(config.streams)) {
    if (channels.has(name)) continue;
    const connection = await connectTo(store.opened, name);
    channels.set(name, { connection, replies: new ReplyInbox(connection, ACK_TIMEOUT_MS, () => performance.now()) });
  }
  const publish: Parameters<typeof replay>[1]["publish"] = (stream, publication) => {
    const channel = channels.get(config.streams[stream]?.connection ?? "");
    if (channel === undefined) throw new RangeError(`the configuration has no stream "${stream}"`);
    if (dryRun) return Promise.resolve({ stored: true, sequence: 0, duplicate: false });
    return publishOnce(channel, publication);
  };
  return {
    async replay(entry: Quarantined): Promise<ReplayResult> {
      const result = await replay(entry, { config, trust, publish, nowMs: Date.now() });
      if (result.type === "stored" && !dryRun) await deleteMessage(store.connection, store.stream, entry.sequence);
      return result;
    },
    async close(): Promise<void> {
      for (const { connection, replies } of channels.values()) {
        replies.close();
        await connection.close();
      }
    },
  };
}

function outcome(result: ReplayResult, dryRun: boolean): string {
  switch (result.type) {
    case "stored":
      if (dryRun) return "would be stored";
      return result.duplicate
        ? "was stored already; removed from the quarantine"
        : "stored, removed from the quarantine";
    case "rejected":
      return `still refused: ${result.rejection.code}: ${result.rejection.detail}`;
    case "unusable":
      return `cannot be replayed: ${result.reason}`;
    case "failed":
      return `not stored in ${result.stream}: ${result.detail}`;
    default:
      return result satisfies never;
  }
}

function facts({ body: _body, headers, ...entry }: Quarantined) {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return { ...entry, receivedAt: entry.receivedAt.toISOString(), headers: lines };
}

function line({ sequence, receivedAt, code, ingest, subject, bytes, detail }: Quarantined): string {
  return `${sequence}  ${receivedAt.toISOString()}  ${code}  ${ingest}  ${subject}  ${bytes} B  ${detail}`;
}

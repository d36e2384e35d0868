import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { RetentionPolicy } from "nats";
import { makeReplay } from "../../../functions/replay/lambda.ts";
import { makeConfigValue } from "../../support/config.ts";
import { publishManyDead } from "../../support/dead-letters.ts";
import { makeFolder } from "../../support/folder.ts";
import { startNats } from "../../support/nats.ts";

/** A record of the audit stream. */
export interface AuditRecord {
  readonly type: string;
  readonly by: string;
  readonly why?: string;
  readonly selection: Readonly<Record<string, unknown>>;
  readonly done?: readonly { readonly sequence: number }[];
  readonly totals?: Readonly<Record<string, unknown>>;
}

export const SOME_TIME_MS = 120_000;

/** The work queue JOBS, its dead letters, and the handler of a package whose configuration names them. */
export async function setup(t: TestContext) {
  const nats = await startNats(t, { monitor: true });
  const [folder, connection, jsm] = await Promise.all([makeFolder(t), nats.connect(), nats.jsm()]);
  await jsm.streams.add({ name: "JOBS", subjects: ["jobs.>"], retention: RetentionPolicy.Workqueue });
  await jsm.streams.add({ name: "CHORIA_DEAD", subjects: ["CHORIA_DEAD.>"] });
  const config = makeConfigValue({
    connections: { main: { servers: ["${NATS_URL}"] } },
    trust: { v2: { issuers: { choria: "ab".repeat(32) } } },
    ingest: {},
    streams: {
      JOBS: { connection: "main", subject: "jobs.{sender}", allowUnprovenSender: true },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits", allowUnprovenSender: true },
    },
    jobs: { work: { stream: "JOBS", sink: "store" } },
    sinks: { store: { type: "jetstream", to: "OUT" } },
    log: { level: "error" },
  });
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify({ config, bare: [] }));
  const handlerFor = (NATS_URL: string) => makeReplay({ configUrl: pathToFileURL(file), env: { NATS_URL } });
  const handler = handlerFor(nats.url);
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  return {
    nats,
    jsm,
    handlerFor,
    /** Invokes with `timeMs` left of the function's time. */
    replay: (event: object, timeMs = SOME_TIME_MS, awsRequestId = "request-1") =>
      handler({ by: "op@laptop", ...event }, { awsRequestId, getRemainingTimeInMillis: () => timeMs }),
    die: (count: number, changes: Readonly<Record<string, string>> = {}, first = 1) =>
      publishManyDead(connection.jetstream(), count, changes, first),
    counts: async () => [await messages("JOBS"), await messages("CHORIA_DEAD")] as const,
    /** The names of the connections that the server has; those of the test have none. */
    async connections(): Promise<readonly string[]> {
      const answer = await fetch(`${nats.server.monitorUrl}/connz`);
      const { connections } = (await answer.json()) as { connections: { name?: string }[] };
      return connections.flatMap(({ name = "" }) => (name === "" ? [] : [name]));
    },
    async audit(): Promise<readonly AuditRecord[]> {
      const { last_seq: last } = (await jsm.streams.info("CHORIA_AUDIT")).state;
      const records: AuditRecord[] = [];
      for (let seq = 1; seq <= last; seq++) {
        const { data } = await jsm.streams.getMessage("CHORIA_AUDIT", { seq });
        records.push(JSON.parse(Buffer.from(data).toString()));
      }
      return records;
    },
  };
}

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { stringify } from "yaml";
import { openLambda } from "../../../functions/dispatcher/invoking/invoke.ts";
import { type DispatcherService, runDispatcher } from "../../../functions/dispatcher/service.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { consumerSpec, streamSpec } from "../../../shared/config/resolve.ts";
import { manage } from "../../../shared/jetstream/manager.ts";
import type { ConnectionCredentials } from "../../../shared/jetstream/spec.ts";
import { ensureConsumer, ensureStream } from "../../../shared/jetstream/topology.ts";
import { makeFolder } from "../../support/folder.ts";
import { LambdaEmulator } from "../../support/lambda/emulator.ts";
import { startNats } from "../../support/nats.ts";

/** A drain as small as it can be: takes what is there with as many hands as it is told, until nothing is left. */
const FUNCTION = `
import { existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import nats from ${JSON.stringify(import.meta.resolve("nats"))};

const { NATS_URL, NATS_USER: user, HANDLER_MS, FOLDER } = process.env;
const credentials = user === undefined ? {} : { user, pass: user };

export const drain = async ({ job, budgetMs }) => {
  if (existsSync(FOLDER + "/failing")) throw new TypeError("broken");
  if (existsSync(FOLDER + "/holding")) while (existsSync(FOLDER + "/holding")) await wait(10);
  const report = { processed: 0, retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0, reason: "empty" };
  const connection = await nats.connect({ servers: NATS_URL, ...credentials });
  const deadline = Date.now() + budgetMs * 0.8;
  for (let taken = 1; taken > 0 && !existsSync(FOLDER + "/paused"); report.processed += taken) {
    if (Date.now() > deadline) { report.reason = "deadline"; break; }
    taken = 0;
    const messages = [];
    for await (const message of connection.jetstream().fetch("IN", job, { batch: 5, no_wait: true })) messages.push(message);
    await wait(messages.length === 0 ? 0 : Number(HANDLER_MS));
    for (const message of messages) taken += (await message.ackAck()) ? 1 : 0;
  }
  const { num_pending, num_ack_pending } = await (await connection.jetstreamManager()).consumers.info("IN", job);
  await connection.close();
  return { ...report, left: num_pending + num_ack_pending };
};
`;

export interface SetupOptions {
  /** Over what is quick enough for tests. */
  readonly dispatcher?: Record<string, unknown>;
  readonly handlerMs?: number;
  /** Further configuration of nats-server, and who the dispatcher is in it; everybody else is user "admin". */
  readonly permissions?: { readonly config: string; readonly credentials: ConnectionCredentials };
  /** Name of the function that is deployed. */
  readonly deployed?: string;
}

export const FUNCTION_NAME = "cb-test-consumer";

/** A nats-server with work queue `IN` and job `work`, the job's function in an emulator, and a dispatcher not yet started. */
export async function setup(t: TestContext, options: SetupOptions = {}) {
  const { permissions = null, handlerMs = 0, deployed = FUNCTION_NAME } = options;
  const [nats, folder] = await Promise.all([
    startNats(t, permissions === null ? {} : { config: permissions.config }),
    makeFolder(t),
  ]);
  const config = parseConfig(stringify(documentOf(nats.url, options)), "test.yaml", {});
  const admin = permissions === null ? {} : { user: "admin", pass: "admin" };
  const client = await nats.connect(admin);
  const jsm = await manage(client);
  await ensureStream(jsm, streamSpec(config, "IN"), { apply: false });
  await ensureConsumer(jsm, consumerSpec(config, "work"), { apply: false });

  await writeFile(join(folder, "function.mjs"), FUNCTION);
  const user = permissions === null ? {} : { NATS_USER: "admin" };
  const env = { NATS_URL: nats.url, HANDLER_MS: String(handlerMs), FOLDER: folder, ...user };
  const emulator = await LambdaEmulator.start({
    functions: [{ name: deployed, taskRoot: folder, handler: "function.drain", timeoutMs: 120_000, env }],
  });
  t.after(() => emulator.close());

  const logged: Record<string, unknown>[] = [];
  const start = async (): Promise<DispatcherService> => {
    const overrides = {
      endpoint: emulator.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "x", secretAccessKey: "x" },
    };
    const credentials = permissions?.credentials ?? { type: "none" };
    const connection = { name: "main", servers: [nats.url], tls: null, credentials };
    const log = pino({ level: "info" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    const service = await runDispatcher({
      config,
      functionPrefix: "cb-test-",
      resolved: { connections: { main: connection } },
      openLambda: () => openLambda(10, overrides),
      log,
    });
    t.after(() => service.stop(0));
    return service;
  };
  return {
    nats,
    client,
    emulator,
    logged,
    start,
    put: async (count = 1) => {
      const js = client.jetstream();
      await Promise.all(Array.from({ length: count }, () => js.publish("in.n1", "x")));
    },
    left: async () => (await jsm.streams.info("IN")).state.messages,
    /** Whether functions fail, move nothing (`paused`) or do not come to an end (`holding`). */
    set: (what: "failing" | "paused" | "holding", on: boolean) =>
      on ? writeFile(join(folder, what), "") : rm(join(folder, what), { force: true }),
  };
}

function documentOf(url: string, { dispatcher = {} }: SetupOptions): object {
  return {
    connections: { main: { servers: [url] } },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      IN: { connection: "main", subject: "in.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits" },
    },
    sinks: { out: { type: "jetstream", to: "OUT" } },
    jobs: { work: { stream: "IN", sink: "out" } },
    dispatcher: { http: { port: 0 }, ...dispatcher },
  };
}

/** The dispatcher's one job. */
export function jobOf({ dispatcher }: DispatcherService) {
  const [job] = dispatcher.jobs;
  if (job === undefined) throw new Error("the dispatcher has no job");
  return job;
}

export async function metricsOf({ telemetryUrl }: DispatcherService): Promise<string> {
  return (await fetch(`${telemetryUrl}/metrics`)).text();
}

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { JetStreamManager } from "nats";
import { trustSection } from "../../../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../../bridge.ts";
import { type RunningBridge, startBridgeProcess } from "../../bridge-process.ts";
import type { TestFleet } from "../../fleet.ts";
import { makeFolder, writeYaml } from "../../folder.ts";
import { startNats, type TestNats } from "../../nats.ts";
import { Books, STREAM } from "./books.ts";
import { Sender } from "./sender.ts";

const REGISTRATION = { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: [STREAM] };
const STORED = { connection: "storage", subject: "jobs.{sender}", retention: "limits" };

/** What the ingest and its streams are made of, where a test wants it otherwise. */
export interface SceneOptions {
  readonly messages: number;
  /** Size of what each message carries; left out: a few bytes. */
  readonly payloadBytes?: number;
  /** Of the broker's configuration file. */
  readonly brokerConfig?: string;
  /** Another place for the streams than one server of their own. */
  readonly storage?: { readonly servers: readonly string[]; readonly jsm: JetStreamManager };
  /** Laid over the sections and entries of the configuration. */
  readonly connections?: Record<string, unknown>;
  readonly ingest?: Record<string, unknown>;
  /** Beside that of the registrations. */
  readonly ingests?: Record<string, unknown>;
  readonly streams?: Record<string, unknown>;
  readonly stream?: Record<string, unknown>;
  readonly bridge?: Record<string, unknown>;
}

/** A broker, a server for the streams beside it, and bridges as processes of their own between the two. */
export interface Scene {
  readonly broker: TestNats;
  /** Of the streams' server; null where the test brought its own. */
  readonly storage: TestNats | null;
  readonly jsm: JetStreamManager;
  readonly sender: Sender;
  readonly books: Books;
  startBridge(): Promise<RunningBridge>;
}

export async function startScene(
  t: TestContext,
  sharedFleet: Promise<TestFleet>,
  options: SceneOptions,
): Promise<Scene> {
  const { brokerConfig } = options;
  const [broker, storage, fleet, folder] = await Promise.all([
    startNats(t, { monitor: true, ...(brokerConfig === undefined ? {} : { config: brokerConfig }) }),
    options.storage === undefined ? startNats(t) : null,
    sharedFleet,
    makeFolder(t),
  ]);
  const servers = options.storage?.servers ?? [storage?.url ?? ""];
  const jsm = options.storage?.jsm ?? (await storage?.jsm());
  if (jsm === undefined) throw new Error("a scene without a server for its streams");
  await copyFile(fleet.pki.caFile, join(folder, "ca.pem"));
  const trust = trustSection(fleet.pki, "mcollective");
  const file = await writeYaml(folder, {
    connections: { main: { servers: [broker.url] }, storage: { servers }, ...options.connections },
    trust: { ...trust, v1: { ...trust.v1, ca: "ca.pem" } },
    ingest: { registration: { ...REGISTRATION, ...options.ingest }, ...options.ingests },
    streams: { [STREAM]: { ...STORED, ...options.stream }, ...options.streams },
    quarantine: { connection: "storage" },
    // Beyond what any test has under way: what a test loses, it loses by its fault and not by a slow machine.
    bridge: { http: { port: 0 }, inFlight: 50_000, ...options.bridge },
  });
  const sender = await Sender.make(await broker.connect(), fleet, options);
  const books = new Books(sender, jsm);
  return {
    broker,
    storage,
    jsm,
    sender,
    books,
    async startBridge() {
      const bridge = await startBridgeProcess(t, file);
      books.follow(bridge);
      return bridge;
    },
  };
}

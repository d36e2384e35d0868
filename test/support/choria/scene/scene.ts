import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { JetStreamManager } from "nats";
import { writeYaml } from "../../folder.ts";
import { startNats } from "../../nats.ts";
import type { Holder } from "../authority.ts";
import { readDocumented } from "../documented.ts";
import { ChoriaNetwork } from "../network.ts";
import { COLLECTIVE, type Mode } from "../settings.ts";
import { type ObservedBridge, startBridge } from "./bridge.ts";
import { joinBroker } from "./client.ts";
import { readCloudEvent, readSubmission, readTransport, Witness } from "./witness.ts";

export const documented = readDocumented();

export const REGISTRATIONS = `${COLLECTIVE}.broadcast.agent.registration`;
/** Where nodes may send replies that are for the bridge: below `<collective>.reply`, and nowhere else. */
export const REPLIES = `${COLLECTIVE}.reply.ingest.>`;
const LIFECYCLE = "choria.lifecycle.event.>";
const TRANSITIONS = "choria.machine.transition";
const WATCHERS = "choria.machine.watcher.>";
const SUBMISSIONS = `${COLLECTIVE}.submission.in.>`;

/** What each stream of the scene holds: subjects it comes from, and how to read off the wire what was sent. */
export const CONTENTS = {
  REGISTRATIONS: { subjects: [REGISTRATIONS], read: readTransport },
  REPLIES: { subjects: [REPLIES], read: readTransport },
  EVENTS: { subjects: [LIFECYCLE, TRANSITIONS, WATCHERS], read: readCloudEvent },
  SUBMISSIONS: { subjects: [SUBMISSIONS], read: readSubmission },
} as const;

export type SceneStream = keyof typeof CONTENTS;

/** A network without nodes yet; the bridge takes all that Choria has to offer, and a witness listens beside it. */
export interface Scene {
  readonly network: ChoriaNetwork;
  /** Its token, in v2, is the documented one. */
  readonly bridge: ObservedBridge;
  /** Of the server that the bridge stores in, another one than the broker. */
  readonly jsm: JetStreamManager;
  readonly witness: Witness;
  /** A user who may make requests. */
  readonly alice: Holder;
}

export async function startScene(
  t: { after(cleanUp: () => Promise<void>): void },
  mode: Mode,
  binary: string,
  flags: string = documented.flags,
): Promise<Scene> {
  const [network, storage] = await Promise.all([ChoriaNetwork.start(t, { mode, binary }), startNats(t)]);
  const [, witnessHolder, alice, jsm] = await Promise.all([
    issueBridge(network, flags),
    network.authority.client("witness", ["--org-admin"]),
    network.authority.client("alice", []),
    storage.jsm(),
  ]);
  const bridge = await startBridge(t, await writeYaml(network.pki, sceneConfig(network, storage.url)));
  const witness = new Witness(await joinBroker(t, network, witnessHolder));
  for (const { subjects, read } of Object.values(CONTENTS)) {
    for (const subject of subjects) await witness.listen(subject, read);
  }
  return { network, bridge, jsm, witness, alice };
}

/** The bridge's credentials, in files with the names that the documentation gives them. */
async function issueBridge(network: ChoriaNetwork, flags: string): Promise<void> {
  if (network.mode === "v2") return network.shell(documented.issue(flags));
  const { files } = await network.authority.client("bridge", []);
  assert.ok("cert" in files);
  await copyFile(files.cert, join(network.pki, "bridge.pem"));
  await copyFile(files.key, join(network.pki, "bridge-key.pem"));
}

/** As an operator would write it: every ingest with the strongest proof that its messages can have. */
function sceneConfig(network: ChoriaNetwork, storageUrl: string): object {
  const ingest = (subject: string, kind: string, to: SceneStream, proof = "signature") => ({
    connection: "broker",
    subject,
    kind,
    proof,
    to: [to],
  });
  const stream = (name: string) => ({ connection: "storage", subject: `${name}.{sender}`, allowUnprovenSender: true });
  return {
    connections: {
      broker: { ...documented.connections[network.mode], servers: [network.url] },
      storage: { servers: [storageUrl] },
    },
    trust: network.authority.trust,
    ingest: {
      registrations: ingest(REGISTRATIONS, "registration", "REGISTRATIONS"),
      replies: ingest(REPLIES, "reply", "REPLIES", network.mode === "v1" ? "hash" : "signature"),
      lifecycle: ingest(LIFECYCLE, "event", "EVENTS", "none"),
      transitions: ingest(TRANSITIONS, "event", "EVENTS", "none"),
      watchers: ingest(WATCHERS, "event", "EVENTS", "none"),
      submissions: ingest(SUBMISSIONS, "submission", "SUBMISSIONS", "none"),
    },
    streams: {
      REGISTRATIONS: { connection: "storage", subject: "registrations.{sender}" },
      REPLIES: stream("replies"),
      EVENTS: stream("events"),
      SUBMISSIONS: stream("submissions"),
    },
    quarantine: { connection: "storage" },
    bridge: { http: { port: 0 } },
  };
}

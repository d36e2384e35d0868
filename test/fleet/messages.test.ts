import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { readAdapterOutput } from "../../shared/choria/output.ts";
import { choriaBinary } from "../support/choria/program/binary.ts";
import { CONTENTS, type Scene, type SceneStream, startScene } from "../support/choria/scene/scene.ts";
import { type Stored, storedIn } from "../support/choria/scene/stored.ts";
import { names } from "../support/choria/scene/witness.ts";
import type { Mode, Registration } from "../support/choria/settings.ts";
import { eventually } from "../support/eventually.ts";

/** Every form in which a node reports about itself. */
const FORMS: Readonly<Record<string, Registration>> = {
  "node01.fleet.test": { provider: "inventory_content", compressed: true },
  "node02.fleet.test": { provider: "inventory_content", compressed: false },
  "node03.fleet.test": { provider: "file_content", compressed: true },
  "node04.fleet.test": { provider: "file_content", compressed: false },
};
const [MACHINE_NODE = "", BOUNCED = ""] = Object.keys(FORMS);

const binary = await choriaBinary(process.env);

/** One network for all tests of a protocol version. Both bridge and witness listen before the first node starts. */
async function setup(mode: Mode, program: string) {
  const scene = await startScene({ after }, mode, program);
  const nodes = await Promise.all(
    Object.entries(FORMS).map(([identity, form]) => scene.network.startNode(identity, form, identity === MACHINE_NODE)),
  );
  return { ...scene, nodes: new Map(nodes.map((node) => [node.identity, node])) };
}

/** What is stored in a stream of the scene, once that is enough. */
function storedWhen({ jsm }: Scene, stream: SceneStream, check: (stored: readonly Stored[]) => void) {
  return eventually(
    async () => {
      const stored = await storedIn(jsm, stream);
      check(stored);
      return stored;
    },
    { timeoutMs: 40_000 },
  );
}

const senders = (stored: readonly Stored[]): readonly string[] =>
  [...new Set(stored.map(({ header }) => header("Choria-Sender")))].sort();
const proofs = (stored: readonly Stored[]): readonly string[] => [
  ...new Set(stored.map(({ header }) => `${header("Choria-Protocol")} ${header("Choria-Proof")}`)),
];
const types = (stored: readonly Stored[], sender: string): readonly string[] =>
  stored.filter(({ header }) => header("Choria-Sender") === sender).map(({ header }) => header("Choria-Event-Type"));

const LIFECYCLE = "io.choria.lifecycle.v1";

for (const mode of ["v1", "v2"] as const) {
  const skip = binary.ok ? false : binary.reason;
  const started = binary.ok ? setup(mode, binary.path) : null;
  const inScene = (name: string, run: (scene: Awaited<ReturnType<typeof setup>>) => Promise<void>) =>
    test(`${mode}: ${name}`, { skip }, async () => run(await started!));

  inScene(
    "registrations of both providers, compressed or not, are stored whole and proven by signature",
    async (scene) => {
      const stored = await storedWhen(scene, "REGISTRATIONS", (messages) =>
        assert.deepEqual(senders(messages), Object.keys(FORMS)),
      );

      assert.deepEqual(proofs(stored), [`${mode} signature`]);
      for (const [identity, form] of Object.entries(FORMS)) {
        const { subject, body } = stored.find(({ header }) => header("Choria-Sender") === identity)!;
        assert.equal(subject, `registrations.${identity}`);
        const content = registered(body, form);
        const { inventory } = scene.nodes.get(identity)!;
        if (form.provider === "file_content") assert.equal(content, inventory);
        else assert.equal(JSON.parse(content).status.identity, identity);
      }
    },
  );

  inScene("replies to a request with a reply subject of the bridge's are stored, one of each node", async (scene) => {
    const request = ["req", "rpcutil", "ping", "--np", "--reply-to", "mcollective.reply.ingest.ping"];
    const targets = Object.keys(FORMS).flatMap((identity) => ["-I", identity]);
    const requestId = (await scene.network.run(scene.alice, [...request, ...targets])).trim();

    const stored = await storedWhen(scene, "REPLIES", (messages) =>
      assert.deepEqual(senders(messages), Object.keys(FORMS)),
    );
    assert.deepEqual(proofs(stored), [mode === "v1" ? "v1 hash" : "v2 signature"]);
    assert.deepEqual([...new Set(stored.map(({ header }) => header("Choria-Request-Id")))], [requestId]);
    for (const { body } of stored) assert.equal(payloadOf(body).statuscode, 0);
  });

  inScene("lifecycle events and those of autonomous agents are stored, proven by nothing", async (scene) => {
    const stored = await storedWhen(scene, "EVENTS", (messages) => {
      for (const identity of Object.keys(FORMS)) {
        assert.ok(types(messages, identity).includes(`${LIFECYCLE}.startup`), `no startup of ${identity}`);
      }
      const machine = types(messages, MACHINE_NODE).filter((type) => type.startsWith("io.choria.machine."));
      assert.ok(machine.includes("io.choria.machine.v1.transition"), "no transition");
      assert.ok(machine.includes("io.choria.machine.watcher.exec.v1.state"), "no watcher's state");
    });

    assert.deepEqual(proofs(stored), ["none none"]);
    const transition = stored.find(({ header }) => header("Choria-Event-Type") === "io.choria.machine.v1.transition")!;
    assert.equal(payloadOf(transition.body).data.machine, "blinker");
    assert.equal(transition.header("Choria-Agent"), "blinker");
  });

  inScene("submissions are stored, proven by their signature over the payload where there is one", async (scene) => {
    const node = scene.nodes.get(MACHINE_NODE)!;
    const isSigned = mode === "v2"; // signing takes a seed, which v1 has not
    await node.submit("audit.plain", "as it is", []);
    if (isSigned) await node.submit("audit.signed", "signed", ["--sign"]);

    const stored = await storedWhen(scene, "SUBMISSIONS", (messages) =>
      assert.equal(messages.length, isSigned ? 2 : 1),
    );
    const facts = stored.map(({ body, header }) => [
      header("Choria-Agent"),
      header("Choria-Sender"),
      header("Choria-Proof"),
      payloadText(body),
    ]);
    assert.deepEqual(facts.sort(), [
      ["audit.plain", MACHINE_NODE, "none", "as it is"],
      ...(isSigned ? [["audit.signed", MACHINE_NODE, "payload", "signed"]] : []),
    ]);
  });

  inScene("a node that is stopped says so, and what it sends after its start is stored again", async (scene) => {
    const node = scene.nodes.get(BOUNCED)!;
    const registrations = async () =>
      (await storedIn(scene.jsm, "REGISTRATIONS")).filter(({ header }) => header("Choria-Sender") === BOUNCED).length;
    await node.process.stop();
    const before = await registrations();
    await node.start();

    const stored = await storedWhen(scene, "EVENTS", (messages) =>
      assert.equal(types(messages, BOUNCED).filter((type) => type === `${LIFECYCLE}.startup`).length, 2),
    );
    const turns = types(stored, BOUNCED).filter((type) => type !== `${LIFECYCLE}.alive`);
    assert.deepEqual(turns, [`${LIFECYCLE}.startup`, `${LIFECYCLE}.shutdown`, `${LIFECYCLE}.startup`]);
    await eventually(async () => assert.ok((await registrations()) > before, "it has not registered since"));
  });

  inScene("everything that was sent is stored exactly once, and nothing was refused", async (scene) => {
    const all = [...scene.nodes.values()];
    await Promise.all(all.map((node) => node.process.stop()));

    for (const [stream, { subjects }] of Object.entries(CONTENTS)) {
      const sent = await scene.witness.seen(subjects);
      assert.ok(sent.length > 0, `nothing was sent for ${stream}`);
      await storedWhen(scene, stream as SceneStream, (stored) =>
        assert.deepEqual(
          names(stored.map(({ header }) => ({ sender: header("Choria-Sender"), id: idOf(header) }))),
          sent,
        ),
      );
    }
    const metrics = await scene.bridge.metrics();
    assert.doesNotMatch(metrics, /^choria_bridge_rejected_total\{[^}]*\} [1-9]/m);
    assert.deepEqual(await scene.bridge.readiness(), { ready: true, reasons: "ready\n" });
  });
}

const idOf = (header: Stored["header"]): string => header("Choria-Request-Id");

const payloadText = (body: Buffer): string => Buffer.from(readAdapterOutput(body)!.payload).toString("utf8");
const payloadOf = (body: Buffer) => JSON.parse(payloadText(body));

/** What the node reported: `content` or, compressed, `zcontent`. */
function registered(body: Buffer, { provider, compressed }: Registration): string {
  const { protocol, content, zcontent } = payloadOf(body);
  const kind = provider === "file_content" ? "filecontent" : "inventorycontent";
  assert.equal(protocol, `choria:registration:${kind}:1`);
  if (compressed) return gunzipSync(Buffer.from(zcontent, "base64")).toString("utf8");
  return provider === "file_content" ? Buffer.from(content, "base64").toString("utf8") : JSON.stringify(content);
}

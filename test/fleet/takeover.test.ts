import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse, stringify } from "yaml";
import { readAdapterOutput } from "../../shared/choria/output.ts";
import { ChoriaNetwork } from "../support/choria/network.ts";
import { choriaBinary } from "../support/choria/program/binary.ts";
import { startBridge } from "../support/choria/scene/bridge.ts";
import { joinBroker } from "../support/choria/scene/client.ts";
import { REGISTRATIONS, REPLIES } from "../support/choria/scene/scene.ts";
import { type Stored, storedIn } from "../support/choria/scene/stored.ts";
import type { Mode } from "../support/choria/settings.ts";
import { runCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

/** go-choria's own adapters, inside the broker: one for each kind of message they know. */
const ADAPTERS = [
  "plugin.choria.adapters = inventory, answers",
  ...adapter("inventory", REGISTRATIONS, "request"),
  ...adapter("answers", REPLIES, "reply"),
];

function adapter(name: string, topic: string, protocol: string): readonly string[] {
  const prefix = `plugin.choria.adapter.${name}`;
  return [
    `${prefix}.type = jetstream`,
    `${prefix}.ingest.topic = ${topic}`,
    `${prefix}.ingest.protocol = ${protocol}`,
    `${prefix}.stream.topic = ${name}.%s`,
  ];
}

/** For a bridge that stores in Choria Streams: what it receives, and what it makes and writes there. */
const BRIDGE_FLAGS = [
  ...["--service", "--no-fleet-management", "--stream-admin"],
  ...["--subscribe", REGISTRATIONS, "--subscribe", REPLIES],
  ...["--publish", "inventory.>", "--publish", "answers.>", "--publish", "CHORIA_QUARANTINE.>"],
];

const NODES = ["node01.fleet.test", "node02.fleet.test"];
const binary = await choriaBinary(process.env);
const skip = binary.ok ? false : binary.reason;

interface ImportedConfig {
  readonly connections: Record<string, { tls?: object; choria?: object }>;
  readonly streams: Record<string, { subject: string }>;
  bridge?: object;
}

/** What `import-choria` makes of the broker's own file. */
async function importBrokerConf({ brokerConfFile }: ChoriaNetwork) {
  const { code, stdout, stderr } = await runCli(["import-choria", brokerConfFile]);
  assert.equal(code, 0, stderr);
  return { config: parse(stdout) as ImportedConfig, remarks: stderr };
}

/** A network whose broker runs the adapters, and a bridge started from that broker's own file; then the nodes. */
async function setup(mode: Mode, program: string) {
  const network = await ChoriaNetwork.start({ after }, { mode, binary: program, brokerSettings: ADAPTERS });
  const { authority, folder } = network;
  const [alice, client] = await Promise.all([authority.client("alice", []), authority.client("bridge", BRIDGE_FLAGS)]);
  const { config, remarks } = await importBrokerConf(network);
  if (mode === "v2") {
    // What the remarks ask for: a client's token, and the CA that go-choria does without.
    const [name = ""] = Object.keys(config.connections);
    Object.assign(config.connections[name]!, network.connection(client));
  }
  config.bridge = { http: { port: 0 } };
  const file = join(folder, "imported.yaml");
  await writeFile(file, stringify(config));
  const bridge = await startBridge({ after }, file);
  const connection = await joinBroker({ after }, network, await authority.client("reader", ["--org-admin"]));
  const jsm = await connection.jetstreamManager();
  const nodes = await Promise.all(
    NODES.map((identity) => network.startNode(identity, { provider: "inventory_content", compressed: true })),
  );
  return { network, bridge, jsm, nodes, alice, config, remarks };
}

const isOurs = ({ header }: Stored): boolean => header("Choria-Proof") !== "";

/** What readers of go-choria's adapter have come to know: all five of its fields, and the subject. */
function known({ subject, body }: Stored): string {
  const { protocol, data, sender, time, requestid } = JSON.parse(body.toString("utf8"));
  return JSON.stringify({ subject, protocol, data, sender, time, requestid });
}

for (const mode of ["v1", "v2"] as const) {
  const started = binary.ok ? setup(mode, binary.path) : null;

  test(`${mode}: a bridge started from the imported broker.conf stores the network's registrations and replies`, {
    skip,
  }, async () => {
    const { network, alice, config, remarks, jsm, bridge } = await started!;
    const targets = NODES.flatMap((identity) => ["-I", identity]);
    const replyTo = ["--reply-to", "mcollective.reply.ingest.ping"];
    await network.run(alice, ["req", "rpcutil", "ping", "--np", ...replyTo, ...targets]);

    assert.match(remarks, /every message is validated before it is stored/);
    assert.deepEqual(
      Object.values(config.streams)
        .map(({ subject }) => subject)
        .sort(),
      ["answers.%s", "inventory.%s"],
    );
    for (const stream of Object.keys(config.streams)) {
      await eventually(async () => {
        const senders = (await storedIn(jsm, stream)).filter(isOurs).map(({ header }) => header("Choria-Sender"));
        assert.deepEqual([...new Set(senders)].sort(), NODES, stream);
      });
    }
    assert.deepEqual(await bridge.readiness(), { ready: true, reasons: "ready\n" });
  });

  test(`${mode}: whoever reads what go-choria's adapter wrote reads the same in what the bridge wrote`, {
    skip,
  }, async () => {
    const { nodes, config, jsm } = await started!;
    await Promise.all(nodes.map((node) => node.process.stop()));

    for (const stream of Object.keys(config.streams)) {
      await eventually(async () => {
        const stored = await storedIn(jsm, stream);
        const [ours, theirs] = [stored.filter(isOurs), stored.filter((message) => !isOurs(message))];
        assert.ok(theirs.length >= NODES.length, `the adapter wrote ${theirs.length} messages to ${stream}`);
        assert.deepEqual(ours.map(known).sort(), theirs.map(known).sort());
        const read = ({ body }: Stored) => readAdapterOutput(body);
        const bySender = (left: Stored, right: Stored) => (known(left) < known(right) ? -1 : 1);
        assert.deepEqual(ours.sort(bySender).map(read), theirs.sort(bySender).map(read));
        assert.ok(!ours.map(read).includes(null), "an envelope could not be read");
      });
    }
  });
}

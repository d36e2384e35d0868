import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { parseConfText } from "../../../functions/cli/import-choria/conf-text.ts";
import { KNOWN_SETTINGS, reasonLeftOut } from "../../../functions/cli/import-choria/known-settings.ts";
import { ourPattern } from "../../../functions/cli/import-choria/patterns.ts";
import { type Remark, Report } from "../../../functions/cli/import-choria/report.ts";
import { translate } from "../../../functions/cli/import-choria/translate.ts";
import { yamlText } from "../../../functions/cli/import-choria/yaml-text.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { compileTemplate } from "../../../shared/subjects/template.ts";
import { problemsOf } from "../../support/config.ts";

const FILE = "/etc/choria/broker.conf";
const KEY = "ab".repeat(32);
const V1 = `identity = broker1.example.net
collectives = mcollective
plugin.choria.middleware_hosts = broker1.example.net:4222
plugin.security.provider = file
plugin.security.file.certificate = /etc/choria/ssl/broker.pem
plugin.security.file.key = /etc/choria/ssl/broker.key
plugin.security.file.ca = /etc/choria/ssl/ca.pem
`;
const V2 = `identity = broker1.example.net
plugin.choria.middleware_hosts = broker1.example.net:4222
plugin.security.provider = choria
plugin.security.choria.token_file = /etc/choria/broker.jwt
plugin.security.choria.seed_file = /etc/choria/broker.seed
plugin.security.issuer.names = choria
plugin.security.issuer.choria.public = ${KEY}
`;
const CMDB = `plugin.choria.adapters = cmdb
plugin.choria.adapter.cmdb.type = choria_streams
plugin.choria.adapter.cmdb.stream.topic = cmdb.in.%s
plugin.choria.adapter.cmdb.ingest.topic = mcollective.broadcast.agent.registration
plugin.choria.adapter.cmdb.ingest.protocol = request
`;

interface Imported {
  readonly config: Config;
  readonly yaml: string;
  readonly remarks: readonly Remark[];
}

/** Files of plugin.d by the name of their plugin. */
function imported(text: string, plugins: Readonly<Record<string, string>> = {}): Imported {
  const report = new Report(FILE);
  const settingsOf = (name: string, content: string, prefix: string) => {
    const { settings, oddities } = parseConfText(content, name, prefix);
    for (const { line, text: odd } of oddities) report.remark("reading", `${name}:${line}: ${odd}`);
    return settings;
  };
  const parts = Object.entries(plugins).map(([plugin, content]) => ({
    isCore: plugin === "choria",
    settings: settingsOf(`plugin.d/${plugin}.cfg`, content, `plugin.${plugin}`),
  }));
  const files = [{ isCore: true, settings: settingsOf(FILE, text, "") }, ...parts];
  const place = { folder: "/etc/choria", home: "/srv/choria" };
  const translation = translate({ files, place, host: "this-host" }, report);
  const yaml = yamlText(translation, FILE);
  return { config: parseConfig(yaml, "out.yaml", {}), yaml, remarks: translation.remarks };
}

function texts(remarks: readonly Remark[], kind: Remark["kind"]): string {
  return remarks
    .filter((remark) => remark.kind === kind)
    .map(({ at, text }) => `${at?.join(".") ?? ""} ${text}`)
    .join("\n");
}

function problemTexts(text: string): string {
  return problemsOf(() => imported(text))
    .map(({ path, problem, fix }) => `${path} ${problem}; ${fix}`)
    .join("\n");
}

test("a v1 broker becomes a registration ingest with its certificates, patterns and the subject of its stream", () => {
  const { config } = imported(`${V1}${CMDB}`);

  const tls = { ca: "/etc/choria/ssl/ca.pem", cert: "/etc/choria/ssl/broker.pem", key: "/etc/choria/ssl/broker.key" };
  assert.deepEqual(config.connections.broker?.servers, ["tls://broker1.example.net:4222"]);
  assert.deepEqual(config.connections.broker?.tls, { ...tls, handshakeFirst: false });
  assert.equal(config.trust.v1?.ca, tls.ca);
  assert.deepEqual(config.trust.v1?.allow, ["\\.mcollective$", "\\.choria$"]);
  assert.equal(config.trust.v2, undefined);
  const { kind, proof, subject, to } = config.ingest.cmdb ?? assert.fail();
  assert.deepEqual(
    [kind, proof, subject, to],
    ["registration", "signature", "mcollective.broadcast.agent.registration", ["cmdb"]],
  );
  assert.equal(config.streams.cmdb?.body, "envelope");
  assert.equal(config.streams.cmdb?.allowUnprovenSender, false);
});

test("a v2 broker becomes trust in its issuers, and its missing CA and its server token are choices", () => {
  const { config, remarks } = imported(`${V2}${CMDB}`);

  assert.deepEqual(config.trust.v2?.issuers, { choria: KEY });
  assert.equal(config.trust.v1, undefined);
  assert.deepEqual(config.trust.collectives, ["choria", "mcollective"]); // the default of the provider, and what is heard
  const choices = texts(remarks, "choose");
  assert.match(choices, /connections\.broker\.tls plugin\.security\.choria\.ca is not set/);
  assert.match(
    choices,
    /connections\.broker plugin\.security\.choria\.token_file .*`choria: \{ .*collective: choria \}`/,
  );
});

test("the subject of every message is the one go-choria would have used", () => {
  for (const topic of ["cmdb.in.%s", "cmdb", "a.b.c.%s"]) {
    const { config, remarks } = imported(`${V1}${CMDB}plugin.choria.adapter.cmdb.stream.topic = ${topic}\n`);

    const facts = { sender: "node1.example.net", collective: "mcollective", agent: "registration", caller: "" };
    const rendered = compileTemplate(config.streams.cmdb?.subject ?? "").render(facts);
    assert.equal(rendered, topic.replaceAll("%s", facts.sender));
    assert.doesNotMatch(texts(remarks, "changed"), /is stored under/);
  }
});

test("a subject that cannot stay as it was is named, with both forms", () => {
  const { remarks } = imported(`${V1}${CMDB}plugin.choria.adapter.cmdb.stream.topic = in.%s.facts\n`);

  const text = texts(remarks, "changed");
  assert.match(
    text,
    /node1\.example\.net is stored under in\.\S+\.facts; go-choria uses in\.node1\.example\.net\.facts/,
  );
});

test("nodes are proposed from the domains of the brokers, else they are a choice and nobody may register", () => {
  const known = imported(`${V1}${CMDB}plugin.choria.srv_domain = corp.example.com\n`);
  const unknown = imported(`${V1}${CMDB}identity = localhost\nplugin.choria.middleware_hosts = 127.0.0.1:4222\n`);

  assert.deepEqual(known.config.trust.v1?.nodes, ["\\.example\\.net$", "\\.corp\\.example\\.com$"]);
  assert.deepEqual(unknown.config.trust.v1?.nodes, []);
  for (const { remarks, yaml } of [known, unknown]) {
    assert.match(texts(remarks, "choose"), /trust\.v1\.nodes patterns of the nodes/);
    assert.match(yaml, /# CHOOSE: patterns of the nodes[\s\S]*\n +nodes:/);
  }
});

test("replies are taken with the proof they can have: a hash in v1, a signature in v2 unless they go without", () => {
  const replies = `${CMDB}plugin.choria.adapter.cmdb.ingest.topic = mcollective.reply.cmdb.>
plugin.choria.adapter.cmdb.ingest.protocol = reply
`;
  const v1 = imported(`${V1}${replies}`);
  const v2 = imported(`${V2}${replies}`);
  const unsigned = imported(`${V2}${replies}plugin.security.choria.sign_replies = no\n`);

  const proofOf = ({ config }: Imported) => [config.ingest.cmdb?.kind, config.ingest.cmdb?.proof];
  assert.deepEqual(
    [proofOf(v1), proofOf(v2), proofOf(unsigned)],
    [
      ["reply", "hash"],
      ["reply", "signature"],
      ["reply", "hash"],
    ],
  );
  assert.deepEqual(
    [v1, v2, unsigned].map(({ config }) => config.streams.cmdb?.allowUnprovenSender),
    [true, false, true],
  );
  assert.equal(unsigned.config.trust.v2?.requireSignedReplies, false);
  assert.match(texts(v1.remarks, "changed"), /nothing proves the sender/);
});

test("requests to an agent stay requests, and a subject that may carry several kinds takes them all", () => {
  const other = (topic: string) =>
    imported(`${V1}${CMDB}plugin.choria.adapter.cmdb.ingest.topic = ${topic}\n`).config.ingest.cmdb?.kind;

  assert.equal(other("mcollective.broadcast.agent.discovery"), "request");
  assert.equal(other("mcollective.broadcast.agent.>"), "auto");
  assert.equal(other("acme.registration.data"), "auto");
});

test("adapters listen in queue groups of their own, share the stream of a subject, and have the servers they name", () => {
  const { config } = imported(`${V1}${CMDB}plugin.choria.adapters = cmdb, facts,audit
plugin.choria.adapter.facts.type = jetstream
plugin.choria.adapter.facts.stream.topic = cmdb.in.%s
plugin.choria.adapter.facts.ingest.topic = acme.broadcast.agent.registration
plugin.choria.adapter.facts.ingest.protocol = request
plugin.choria.adapter.audit.type = jetstream
plugin.choria.adapter.audit.stream.servers = js1.example.net:4222, nats://js2.example.net:4223
plugin.choria.adapter.audit.ingest.topic = mcollective.broadcast.agent.rpcutil
plugin.choria.adapter.audit.ingest.protocol = request
plugin.choria.adapter.audit.queue_len = 50000
`);

  assert.deepEqual(Object.keys(config.streams), ["cmdb", "audit"]);
  assert.deepEqual(
    Object.values(config.ingest).map(({ to }) => to),
    [["cmdb"], ["cmdb"], ["audit"]],
  );
  const queues = Object.values(config.ingest).map(({ queue }) => queue);
  assert.deepEqual(queues, ["choria-bridge-cmdb", "choria-bridge-facts", "choria-bridge-audit"]);
  assert.equal(config.streams.audit?.connection, "audit");
  assert.deepEqual(config.connections.audit?.servers, ["tls://js1.example.net:4222", "tls://js2.example.net:4223"]);
  assert.equal(config.streams.audit?.subject, "audit");
  assert.equal(config.streams.audit?.buffer.maxMessages, 50_000);
  assert.deepEqual(config.trust.collectives, ["mcollective", "acme"]);
});

test("a longer ttl is believed, and the streams remember ids for long enough", () => {
  const { config } = imported(`${V1}${CMDB}ttl = 300\n`);

  assert.equal(config.trust.ttl.max, 300_000);
  assert.equal(config.streams.cmdb?.duplicateWindow, 720_000);
});

test("every setting is used or named: without a counterpart, or unknown to go-choria", () => {
  const odd = `plugin.choria.network.client_port = 4222
plugin.choria.adapter.cmdb.stream.wrokers = 3
plugin.choria.adapter.old.type = jetstream
plugin.nats.ngs = 1
logfile = /var/log/choria.log
`;
  const { remarks } = imported(`${V1}${CMDB}${odd}`);

  const [leftOut, unknown] = [texts(remarks, "left out"), texts(remarks, "unknown")];
  assert.match(leftOut, /plugin\.choria\.network\.client_port: the broker's own/);
  assert.match(leftOut, /logfile: /);
  assert.match(
    unknown,
    /cmdb\.stream\.wrokers \(\/etc\/choria\/broker\.conf:\d+\): go-choria 0\.29 knows no such setting/,
  );
  assert.match(unknown, /adapter\.old\.type .*: its adapter is not in plugin\.choria\.adapters/);
  assert.match(unknown, /plugin\.nats\.ngs /);
});

test("any setting that go-choria knows is used or named", () => {
  for (const base of [V1, V2].map((text) => `${text}${CMDB}`)) {
    const without = imported(base).yaml;
    for (const key of KNOWN_SETTINGS) {
      if (base.includes(`${key} =`)) continue;
      const text = `${base}${key} = 1234\n`;
      const said = problemTexts(text);
      assert.ok(said.includes(key) || isNamed(imported(text), key) || imported(text).yaml !== without, key);
    }
  }
});

function isNamed({ remarks }: Imported, key: string): boolean {
  return remarks.some(({ text }) => text.includes(key));
}

test("what go-choria would not start with, or what contradicts itself, is named with the fix, all of it at once", () => {
  const cases: readonly [text: string, problem: RegExp][] = [
    [V1, /plugin\.choria\.adapters is not set: there is no adapter to take over; name an adapter/],
    [`${V1}${CMDB}plugin.choria.adapters = cmdb,\n`, /has an empty name.*take the comma out/],
    [`${V1}${CMDB}plugin.choria.adapters = cmdbb\n`, /adapter\.cmdbb\.type is not set/],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.type = jetsream\n`, /is no type of adapter; did you mean "jetstream"/],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.ingest.workers = many\n`, /workers is no whole number/],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.stream.workers = 0\n`, /lets the adapter move nothing; make it 1 or more/],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.ingest.topic = a..b\n`, /is no NATS subject/],
    [
      `${V1}${CMDB}plugin.choria.adapter.cmdb.ingest.protocol = reply\n`,
      /carries requests.*ingest\.protocol = request/,
    ],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.ingest.protocol = request # or reply\n`, /carries requests/],
    [`${V1}${CMDB}plugin.choria.adapter.cmdb.stream.topic = $JS.x\n`, /stream\.topic "\$JS\.x" .*NATS itself uses/],
    [`${V1}${CMDB}plugin.security.provider = files\n`, /is no security provider; write puppet, file/],
    [`${V1}${CMDB}plugin.choria.middleware_hosts = broker\n`, /"broker" is no host and port/],
    [`${V1}${CMDB}plugin.choria.middleware_hosts = ws://broker:80\n`, /names a websocket/],
    [`${V2}${CMDB}plugin.security.choria.trusted_signers = ${KEY}\n`, /contradicts plugin\.security\.issuer\.names/],
    [`${V2}${CMDB}plugin.security.issuer.names = choria,acme\n`, /issuer\.acme\.public is not set/],
    [`${V2}${CMDB}plugin.security.issuer.choria.public = 12\n`, /is no ed25519 public key/],
    [
      `plugin.security.provider = choria\n${CMDB}`,
      /token_file is not set[\s\S]*seed_file is not set[\s\S]*issuer\.names is not set/,
    ],
    [
      `plugin.security.provider = file\n${CMDB}`,
      /file\.ca is not set[\s\S]*certificate is not set[\s\S]*key is not set/,
    ],
  ];
  for (const [text, problem] of cases) assert.match(problemTexts(text), problem, text);
});

test("what cannot stand together in our configuration is refused before anything is written", () => {
  const loop = `${V1}${CMDB}plugin.choria.adapter.cmdb.stream.topic = mcollective.broadcast.agent.registration\n`;

  assert.match(problemTexts(loop), /ingest\.cmdb\.subject overlaps the subjects of stream/);
});

test("Puppet's folders and go-choria's defaults are assumed where nothing is set, and said so", () => {
  const { config, remarks } = imported(CMDB);

  assert.equal(config.trust.v1?.ca, "/etc/puppetlabs/puppet/ssl/certs/ca.pem");
  assert.equal(config.connections.broker?.tls?.key, "/etc/puppetlabs/puppet/ssl/private_keys/this-host.pem");
  assert.deepEqual(config.connections.broker?.servers, ["tls://puppet:4222"]);
  const said = `${texts(remarks, "default")}\n${texts(remarks, "choose")}`;
  for (const part of [
    "provider is not set: puppet",
    "ssldir is not set",
    "identity is not set",
    "middleware_hosts is not set",
  ]) {
    assert.ok(said.includes(part), part);
  }
});

test("patterns are taken as Go means them, and one that JavaScript cannot say lets nobody in", () => {
  assert.equal(ourPattern("/^web\\d+$/"), "^web\\d+$");
  assert.equal(ourPattern("\\Aweb\\z"), "^web$");
  assert.equal(ourPattern("\\\\A"), "\\\\A");
  for (const foreign of ["(?i)web", "(?P<x>a)", "\\pL+", "\\Qa.b\\E", "[[:alpha:]]", "(", "a**"]) {
    assert.equal(ourPattern(foreign), null, foreign);
  }

  const { config, remarks } = imported(`${V1}${CMDB}plugin.choria.security.certname_whitelist = (?i)ops, /\\.ops$/,\n`);

  assert.deepEqual(config.trust.v1?.allow, ["\\.ops$"]);
  assert.match(texts(remarks, "choose"), /\(\?i\)ops cannot be taken/);
  assert.match(texts(remarks, "changed"), /empty pattern, which lets everybody in/);
});

test("the last of several values counts, and lines that go-choria passes over are named", () => {
  const { config, remarks } = imported(`${V1}${CMDB}collectives = a
collectives = b, c
nonsense
plugin.choria.security.privileged_users =
`);

  assert.deepEqual(config.trust.collectives, ["b", "c", "mcollective"]);
  const reading = texts(remarks, "reading");
  assert.match(reading, /collectives is set in .*:\d+ and again in .*:\d+, which counts/);
  assert.match(reading, /is no `key = value`/);
  assert.match(reading, /privileged_users = has no value/);
});

test("plugin.d counts as it does for go-choria: choria.cfg in full, other files for what is looked up by name", () => {
  const adapter = "adapter.cmdb.ingest.topic = acme.broadcast.agent.registration\ncollectives = x\n";
  const { config, remarks } = imported(`${V1}${CMDB}`, {
    choria: adapter,
    security: "provider = choria\nissuer.choria.public = 12\n",
  });

  assert.equal(config.ingest.cmdb?.subject, "acme.broadcast.agent.registration");
  assert.notEqual(config.trust.v1, undefined);
  assert.match(texts(remarks, "reading"), /plugin\.security\.provider in plugin\.d\/security\.cfg:1 does not count/);
  assert.match(texts(remarks, "unknown"), /plugin\.choria\.collectives \(plugin\.d\/choria\.cfg:2\)/);
});

test("passwords are not copied, and a relative path says what it was taken to be", () => {
  const { config, yaml, remarks } = imported(`${V1}${CMDB}plugin.nats.user = bob
plugin.nats.pass = hunter2
plugin.choria.network.system.password = s3cret
plugin.security.file.ca = ssl/ca.pem
plugin.security.file.key = ~/broker.key
`);

  const everything = yaml + JSON.stringify(remarks);
  assert.doesNotMatch(everything, /hunter2|s3cret/);
  assert.match(texts(remarks, "choose"), /`user: bob` and `passwordFile: FILE`/);
  assert.equal(config.trust.v1?.ca, "/etc/choria/ssl/ca.pem");
  assert.equal(config.connections.broker?.tls?.key, "/srv/choria/broker.key");
  assert.match(texts(remarks, "choose"), /file\.ca = ssl\/ca\.pem is relative/);
});

test("a value that looks like a variable of ours, or like YAML, stays what it is", () => {
  const path = ["/etc/$", "{HOME}/ca: #1.pem"].join("");
  const { config } = imported(`${V1}${CMDB}plugin.security.file.ca = ${path}\n`);

  assert.equal(config.trust.v1?.ca, path);
});

test("NATS Streaming, which go-choria no longer feeds, becomes a choice of server", () => {
  for (const type of ["nats_stream", "natsstream"]) {
    const { config, remarks } = imported(`${V1}${CMDB}plugin.choria.adapter.cmdb.type = ${type}
plugin.choria.adapter.cmdb.stream.clusterid = prod
`);

    assert.equal(config.streams.cmdb?.subject, "cmdb.in.%s");
    assert.match(texts(remarks, "choose"), /streams\.cmdb cmdb feeds NATS Streaming/);
    assert.match(texts(remarks, "left out"), /clusterid: JetStream has no cluster ids/);
  }
});

test("whatever stands in the file, there is a valid configuration or a list of problems", () => {
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom(...KNOWN_SETTINGS, "plugin.choria.adapter.cmdb.type"), fc.string())
      .map(([k, v]) => `${k} = ${v}`),
  );
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), (lines, first) => {
      const text = lines.join("\n");
      problemsOf(() => imported(first ? `${text}\n${V1}${CMDB}` : `${V1}${CMDB}${text}`));
    }),
    { numRuns: 300 },
  );
});

test("the settings go-choria knows have a reason each, and others have none", () => {
  for (const key of KNOWN_SETTINGS) assert.notEqual(reasonLeftOut(key), null, key);
  assert.equal(reasonLeftOut("plugin.choria.netwrok.client_port"), null);
});

test("the files of a test network become configurations", () => {
  for (const mode of ["v1", "v2"]) {
    const text = readFileSync(new URL(`../../fixtures/broker-conf/${mode}.conf`, import.meta.url), "utf8");

    const { config } = imported(text);

    assert.equal(config.ingest.inventory?.kind, "registration");
    assert.equal(config.streams.inventory?.subject, "js.in.registration");
  }
});

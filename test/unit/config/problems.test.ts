import assert from "node:assert/strict";
import test from "node:test";
import { makeConfigValue, parseValue, problemsOf } from "../../support/config.ts";

interface Case {
  readonly name: string;
  /** Sections that replace those of a valid configuration. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly problem: RegExp;
  readonly fix: RegExp;
  readonly value?: string;
  /** Another place that is rightly blamed for the same mistake. */
  readonly also?: string;
}

const REGISTRATION = "mcollective.broadcast.agent.registration";
const main = { servers: ["nats://localhost:4222"] };
const v1 = { ca: "ca.pem" };
const v2 = { issuers: { choria: "ab".repeat(32) } };
const nodes = { connection: "main", subject: "nodes.{sender}", retention: "limits" };
const inventory = { connection: "main", subject: "choria.reg.{sender}" };
const partitioned = { connection: "main", subject: "choria.{partition:4}.{sender}" };
const reg = { connection: "main", subject: REGISTRATION, kind: "registration", to: ["inventory"] };
const republish = { stream: "inventory", sink: "nodes" };

const streams = (changed: object, name = "inventory") => ({ streams: { inventory, nodes, [name]: changed } });
const ingest = (changed: object) => ({ ingest: { reg: { ...reg, ...changed } } });
/** Streams that take what nothing proves. */
const loose = {
  streams: { inventory: { ...inventory, allowUnprovenSender: true }, nodes: { ...nodes, allowUnprovenSender: true } },
};
const jobs = (changed: object) => ({ jobs: { republish: { ...republish, ...changed } } });
const connection = (changed: object) => ({ connections: { main: { ...main, ...changed } } });

const CASES: readonly Case[] = [
  {
    name: "an unknown section",
    given: { ingests: {} },
    path: "ingests",
    problem: /not a known key/,
    fix: /did you mean "ingest"/,
  },
  {
    name: "a mistyped key",
    given: streams({ ...inventory, maxage: "3d" }),
    path: "streams.inventory.maxage",
    problem: /not a known key/,
    fix: /did you mean "maxAge"/,
    value: '"3d"',
  },
  {
    name: "a key like no other",
    given: jobs({ zzzzzzzz: 1 }),
    path: "jobs.republish.zzzzzzzz",
    problem: /not a known key/,
    fix: /known keys: stream, filter/,
  },
  {
    name: "a missing key",
    given: streams({ connection: "main" }),
    path: "streams.inventory.subject",
    problem: /is missing/,
    fix: /set it: Subject template/,
  },
  {
    name: "a number for a duration",
    given: jobs({ timeout: 30 }),
    path: "jobs.republish.timeout",
    problem: /must be text/,
    fix: /a duration such as "30s"/,
    value: "30",
  },
  {
    name: "a duration without a unit",
    given: jobs({ timeout: "30" }),
    path: "jobs.republish.timeout",
    problem: /must be a duration/,
    fix: /a duration such as "30s"/,
  },
  {
    name: "a size in an unknown unit",
    given: streams({ ...inventory, maxBytes: "1 pound" }),
    path: "streams.inventory.maxBytes",
    problem: /must be a size/,
    fix: /a size such as "64MiB"/,
  },
  {
    name: "a value outside its range",
    given: streams({ ...inventory, replicas: 9 }),
    path: "streams.inventory.replicas",
    problem: /at most 5/,
    fix: /a whole number/,
  },
  {
    name: "a value that is not one of those known",
    given: streams({ ...inventory, retention: "workque" }),
    path: "streams.inventory.retention",
    problem: /not one of the values known/,
    fix: /workqueue, limits/,
  },
  {
    name: "a sink of unknown type",
    given: { sinks: { nodes: { type: "carrier-pigeon" } } },
    path: "sinks.nodes.type",
    problem: /no known type/,
    fix: /jetstream/,
  },
  {
    name: "a name with a dot",
    given: {
      ...jobs({}),
      sinks: { nodes: { type: "jetstream", to: "nodes" }, "a.b": { type: "jetstream", to: "nodes" } },
    },
    path: "sinks.a.b",
    problem: /a name is 1 to 64 letters/,
    fix: /rename it/,
  },
  {
    name: "an empty list",
    given: ingest({ to: [] }),
    path: "ingest.reg.to",
    problem: /is empty/,
    fix: /a list/,
  },
  {
    name: "an unknown connection",
    given: ingest({ connection: "mian" }),
    path: "ingest.reg.connection",
    problem: /names no entry of "connections"/,
    fix: /did you mean "main"/,
    value: '"mian"',
  },
  {
    name: "an unknown stream",
    given: ingest({ to: ["inventory", "invenotry"] }),
    path: "ingest.reg.to[1]",
    problem: /names no entry of "streams"/,
    fix: /did you mean "inventory"/,
  },
  {
    name: "an unknown sink",
    given: jobs({ sink: "kafka" }),
    path: "jobs.republish.sink",
    problem: /names no entry of "sinks"/,
    fix: /known: nodes/,
  },
  {
    name: "an unknown connection of the quarantine",
    given: { quarantine: { connection: "x" } },
    path: "quarantine.connection",
    problem: /names no entry/,
    fix: /known: main/,
  },
  {
    name: "a password in a server's URL",
    given: connection({ servers: ["nats://bob:hunter2@localhost:4222"] }),
    path: "connections.main.servers[0]",
    problem: /holds a secret/,
    fix: /passwordFile/,
    value: '"nats://***@localhost:4222"',
  },
  {
    name: "a server that is no NATS URL",
    given: connection({ servers: ["http://localhost"] }),
    path: "connections.main.servers[0]",
    problem: /not a NATS server/,
    fix: /nats:\/\/host:4222/,
  },
  {
    name: "a user without a password",
    given: connection({ user: "bob" }),
    path: "connections.main",
    problem: /belong together/,
    fix: /passwordFile/,
  },
  {
    name: "a certificate without its key",
    given: connection({ tls: { cert: "a.pem" } }),
    path: "connections.main.tls",
    problem: /a certificate and its key/,
    fix: /both cert and key/,
  },
  {
    name: "two kinds of credentials",
    given: connection({ tokenFile: "a", credsFile: "b" }),
    path: "connections.main",
    problem: /several kinds of credentials.* \(it has tokenFile and credsFile\)/,
    fix: /keep one/,
  },
  {
    name: "a client token beside a user",
    given: connection({ choria: { tokenFile: "a", seedFile: "b" }, user: "u", passwordFile: "c" }),
    path: "connections.main",
    problem: /several kinds of credentials.* \(it has choria and user\)/,
    fix: /keep one of choria, user, tokenFile, nkeyFile and credsFile/,
  },
  {
    name: "trust in nobody",
    given: { trust: {} },
    path: "trust",
    problem: /trusts neither protocol/,
    fix: /"v1" .* or "v2"/,
  },
  {
    name: "issuers and trusted signers at once",
    given: { trust: { v2: { ...v2, trustedSigners: ["ab".repeat(32)] } } },
    path: "trust.v2",
    problem: /either "issuers" or "trustedSigners"/,
    fix: /set issuers/,
  },
  {
    name: "an issuer's key that is none",
    given: { trust: { v1, v2: { issuers: { choria: "abc" } } } },
    path: "trust.v2.issuers.choria",
    problem: /ed25519 public key/,
    fix: /./,
  },
  {
    name: "a pattern that is no regular expression",
    given: { trust: { v1: { ...v1, nodes: ["("] } } },
    path: "trust.v1.nodes[0]",
    problem: /not a regular expression/,
    fix: /mend it/,
  },
  {
    name: "a smallest ttl above the largest",
    given: { trust: { v1, ttl: { min: "2m", max: "1m" } } },
    path: "trust.ttl.min",
    problem: /longer than trust.ttl.max/,
    fix: /at most 1m/,
    value: '"2m"',
  },
  {
    name: "a subject that is none",
    given: ingest({ subject: "a..b" }),
    path: "ingest.reg.subject",
    problem: /not a valid NATS subject/,
    fix: /tokens joined by/,
  },
  {
    name: "a collective that is more than one subject",
    given: { trust: { v1, collectives: ["mcollective", "eu.*"] } },
    path: "trust.collectives[1]",
    problem: /cannot be part of a NATS subject/,
    fix: /letters, digits/,
  },
  {
    name: "an ingest that hears what the bridge quarantines",
    given: { ...ingest({ subject: "CHORIA_QUARANTINE.>" }), ...streams({ ...nodes, subject: "n.{sender}" }, "nodes") },
    path: "ingest.reg.subject",
    problem: /overlaps the subjects of stream "CHORIA_QUARANTINE"/,
    fix: /no node may publish to/,
  },
  {
    name: "an ingest that hears what the bridge stores",
    given: ingest({ subject: "choria.>" }),
    path: "ingest.reg.subject",
    problem: /overlaps the subjects of stream "inventory"/,
    fix: /no node may publish to/,
  },
  {
    name: "a stream named twice",
    given: ingest({ to: ["inventory", "inventory"] }),
    path: "ingest.reg.to",
    problem: /names "inventory" twice/,
    fix: /once/,
  },
  {
    name: "a registration proven by a hash",
    given: ingest({ proof: "hash" }),
    path: "ingest.reg.proof",
    problem: /never by a hash/,
    fix: /proof: signature/,
  },
  {
    name: "registrations without proof that trust does not let in",
    given: ingest({ proof: "none" }),
    path: "ingest.reg.proof",
    problem: /not let in by `trust`/,
    fix: /allowInsecureRegistration/,
  },
  {
    name: "requests without proof",
    given: { ...ingest({ kind: "request", proof: "none" }), ...streams({ ...inventory, subject: "choria.r.{agent}" }) },
    path: "ingest.reg.proof",
    problem: /a request is never taken without proof/,
    fix: /proof: signature/,
  },
  {
    name: "signed replies of protocol v1",
    given: { trust: { v1 }, ...ingest({ kind: "reply" }) },
    path: "ingest.reg.proof",
    problem: /v1 reply never carries a signature/,
    fix: /proof: hash/,
  },
  {
    name: "events that are to be signed",
    given: ingest({ kind: "event" }),
    path: "ingest.reg.proof",
    problem: /nobody signs events: they have no signature/,
    fix: /proof: none/,
  },
  {
    name: "raw messages that are to be signed",
    given: ingest({ kind: "raw" }),
    path: "ingest.reg.proof",
    problem: /has no signature/,
    fix: /proof: none/,
  },
  {
    name: "submissions signed as a whole",
    given: ingest({ kind: "submission" }),
    path: "ingest.reg.proof",
    problem: /covers its payload alone/,
    fix: /proof: payload/,
  },
  {
    name: "signed submissions where only v1 is trusted",
    given: { trust: { v1 }, ...ingest({ kind: "submission", proof: "payload" }), jobs: {} },
    path: "ingest.reg.proof",
    problem: /signed with a token of v2, which is not trusted/,
    fix: /proof: none/,
  },
  {
    name: "a registration proven by its payload",
    given: ingest({ proof: "payload" }),
    path: "ingest.reg.proof",
    problem: /never by a payload/,
    fix: /proof: signature/,
  },
  {
    name: "messages of any kind without proof, where trust lets none in",
    given: { ...ingest({ kind: "auto", proof: "none" }), ...streams({ ...inventory, subject: "choria.r.{agent}" }) },
    path: "ingest.reg.proof",
    problem: /not let in by `trust`/,
    fix: /allowInsecureRegistration/,
  },
  {
    name: "the sender of messages of any kind in a subject, since requests are among them",
    given: { ...ingest({ kind: "auto" }), jobs: {} },
    path: "streams.inventory.subject",
    problem: /nothing proves it in ingest "reg" \(auto, proof signature\)/,
    fix: /allowUnprovenSender: true/,
  },
  {
    name: "the sender of an event in a subject",
    given: { ...ingest({ kind: "event", proof: "none" }), jobs: {} },
    path: "streams.inventory.subject",
    problem: /nothing proves it in ingest "reg" \(event, proof none\)/,
    fix: /allowUnprovenSender: true/,
  },
  {
    name: "the agent of raw messages in a subject",
    given: {
      ...ingest({ kind: "raw", proof: "none" }),
      ...streams({ ...inventory, subject: "choria.reg.{agent}" }),
      jobs: {},
    },
    path: "streams.inventory.subject",
    problem: /uses \{agent\}, which the messages of ingest "reg" \(raw\) do not carry/,
    fix: /leave \{agent\} out/,
  },
  {
    name: "raw messages accepted by their agent",
    given: { ...ingest({ kind: "raw", proof: "none", accept: { agents: ["x"] } }), ...loose },
    path: "ingest.reg.accept.agents",
    problem: /names no agent/,
    fix: /leave it out/,
  },
  {
    name: "submissions accepted by their collective",
    given: { ...ingest({ kind: "submission", proof: "none", accept: { collectives: ["mcollective"] } }), ...loose },
    path: "ingest.reg.accept.collectives",
    problem: /says a collective/,
    fix: /leave it out/,
  },
  {
    name: "events accepted by their age, which counts from their arrival",
    given: { ...ingest({ kind: "event", proof: "none", accept: { maxAge: "1m" } }), ...loose },
    path: "ingest.reg.accept.maxAge",
    problem: /it has no age/,
    fix: /leave it out/,
  },
  {
    name: "a template with an unknown placeholder",
    given: streams({ ...inventory, subject: "choria.{node}" }),
    path: "streams.inventory.subject",
    problem: /unknown placeholder/,
    fix: /\{sender\}/,
  },
  {
    name: "the sender of a request in a subject",
    given: { ...ingest({ kind: "request" }), jobs: {} },
    path: "streams.inventory.subject",
    problem: /nothing proves it in ingest "reg" \(request, proof signature\)/,
    fix: /allowUnprovenSender: true/,
  },
  {
    name: "go-choria's %s for the sender of a reply proven by a hash",
    given: {
      ...ingest({ kind: "reply", proof: "hash" }),
      ...streams({ ...inventory, subject: "choria.reg.%s" }),
      jobs: {},
    },
    path: "streams.inventory.subject",
    problem: /nothing proves it/,
    fix: /allowUnprovenSender/,
  },
  {
    name: "an unproven sender in the subject of a sink, one job later",
    given: { ...ingest({ kind: "request" }), ...streams({ ...inventory, allowUnprovenSender: true }) },
    path: "streams.nodes.subject",
    problem: /nothing proves it in ingest "reg"/,
    fix: /allowUnprovenSender/,
  },
  {
    name: "the caller of a reply in a subject",
    given: { ...ingest({ kind: "reply" }), ...streams({ ...inventory, subject: "choria.reg.{caller}" }) },
    path: "streams.inventory.subject",
    problem: /uses \{caller\}, which the messages of ingest "reg" \(reply\) do not carry/,
    fix: /leave \{caller\} out/,
  },
  {
    name: "a work queue that drops old messages",
    given: streams({ ...inventory, discard: "old" }),
    path: "streams.inventory.discard",
    problem: /drop messages nobody has processed/,
    fix: /allowLoss: true/,
  },
  {
    name: "a work queue that drops messages by age",
    given: streams({ ...inventory, maxAge: "1h" }),
    path: "streams.inventory.maxAge",
    problem: /drop messages nobody has processed/,
    fix: /allowLoss: true/,
    value: '"1h"',
  },
  {
    name: "a duplicate window that a replayed message outlives",
    given: streams({ ...inventory, duplicateWindow: "3m" }),
    path: "streams.inventory.duplicateWindow",
    problem: /2 x trust.ttl.max \+ buffer.maxAge/,
    fix: /at least 4m/,
    value: '"3m"',
  },
  {
    name: "a duplicate window beyond the age of the stream",
    given: streams({ ...nodes, maxAge: "1m" }, "nodes"),
    path: "streams.nodes.duplicateWindow",
    problem: /longer than maxAge/,
    fix: /at most 1m/,
  },
  {
    name: "two streams with overlapping subjects",
    given: streams({ connection: "main", subject: "choria.reg.x.{sender}" }, "other"),
    path: "streams.other",
    problem: /overlap those of streams.inventory \(choria.reg.>\)/,
    fix: /different words/,
  },
  {
    name: "two streams of one name on the server",
    given: streams({ connection: "main", subject: "other.{sender}", name: "nodes" }, "other"),
    path: "streams.other",
    problem: /has the name "nodes" on the server, as streams.nodes does/,
    fix: /another name/,
  },
  {
    name: "a stream in the place of the quarantine",
    given: streams({ connection: "main", subject: "CHORIA_QUARANTINE.{sender}" }, "other"),
    path: "streams.other",
    problem: /overlap those of quarantine/,
    fix: /./,
  },
  {
    name: "a job with handler and sink",
    given: jobs({ handler: "a.js#a" }),
    path: "jobs.republish",
    problem: /either "handler" or "sink" \(it has handler and sink\)/,
    fix: /set sink/,
  },
  {
    name: "a job with nothing to do",
    given: { jobs: { republish: { stream: "inventory" } } },
    path: "jobs.republish",
    problem: /either "handler" or "sink"/,
    fix: /set sink/,
  },
  {
    name: "a handler that names no export",
    given: { jobs: { republish: { stream: "inventory", handler: "a.js" } } },
    path: "jobs.republish.handler",
    problem: /path\/to\/module.js#exportName/,
    fix: /./,
  },
  {
    name: "a job that writes into the stream it reads",
    given: { sinks: { nodes: { type: "jetstream", to: "inventory" } } },
    path: "jobs.republish.sink",
    problem: /writes into the stream it reads/,
    fix: /does not lead back/,
  },
  {
    name: "jobs that hand messages round in a circle",
    given: {
      jobs: { republish, back: { stream: "nodes", sink: "inventory" } },
      sinks: { nodes: { type: "jetstream", to: "nodes" }, inventory: { type: "jetstream", to: "inventory" } },
    },
    path: "jobs.republish.sink",
    problem: /comes back to its stream "inventory"/,
    also: "jobs.back.sink",
    fix: /does not lead back/,
  },
  {
    name: "order on a stream that keeps its messages",
    given: {
      ...jobs({ order: {} }),
      ...streams({ ...partitioned, retention: "limits" }),
    },
    path: "jobs.republish.order",
    problem: /needs a work queue, and stream "inventory" keeps its messages/,
    fix: /retention: workqueue in streams.inventory/,
  },
  {
    name: "order without partitions",
    given: jobs({ order: {} }),
    path: "jobs.republish.order",
    problem: /needs one \{partition:N\}.* stream "inventory" \(choria.reg.\{sender\}\)/,
    fix: /"choria.\{partition:16\}.\{sender\}" in streams.inventory/,
  },
  {
    name: "order by partitions that no filter can pick",
    given: { ...jobs({ order: {} }), ...streams({ ...inventory, subject: "choria.p{partition:4}.{sender}" }) },
    path: "jobs.republish.order",
    problem: /as a token of its own/,
    fix: /leave order out/,
  },
  {
    name: "order with a filter",
    given: { ...jobs({ order: {}, filter: "choria.0.>" }), ...streams(partitioned) },
    path: "jobs.republish.filter",
    problem: /cannot be combined with order/,
    fix: /a stream of its own/,
  },
  {
    name: "an owner's lease that cannot be renewed in time",
    given: { ...jobs({ order: { lease: "500ms" } }), ...streams(partitioned) },
    path: "jobs.republish.order.lease",
    problem: /too short/,
    fix: /1s or more/,
  },
  {
    name: "an owner's lease longer than workers are remembered",
    given: { ...jobs({ order: { lease: "5m" } }), ...streams(partitioned) },
    path: "jobs.republish.order.lease",
    problem: /longer than workers are remembered/,
    fix: /2m or less/,
  },
  {
    name: "a filter beyond its stream",
    given: jobs({ filter: "other.>" }),
    path: "jobs.republish.filter",
    problem: /reaches beyond the subjects of stream "inventory"/,
    fix: /within choria.reg.>/,
  },
  {
    name: "a lease that cannot be renewed in time",
    given: jobs({ ackWait: "500ms" }),
    path: "jobs.republish.ackWait",
    problem: /too short to be renewed/,
    fix: /1s or more/,
  },
  {
    name: "a longest delay below the first",
    given: jobs({ retry: { delay: "1m", maxDelay: "1s" } }),
    path: "jobs.republish.retry.maxDelay",
    problem: /shorter than retry.delay/,
    fix: /1m or more/,
  },
  {
    name: "a sink that forgets its ids before a write can have ended",
    given: { sinks: { nodes: { type: "jetstream", to: "nodes", once: "30s" } } },
    path: "sinks.nodes.once",
    problem: /shorter than a write and its retries/,
    fix: /1m or more/,
  },
  {
    name: "two jobs on one work queue",
    given: { jobs: { republish, second: { stream: "inventory", sink: "nodes" } } },
    path: "jobs.second.stream",
    problem: /shares messages of work queue "inventory" with job "republish"/,
    fix: /its own stream .* or write retention: limits/,
  },
  {
    name: "filters that overlap in part, on a work queue",
    given: {
      jobs: {
        republish: { ...republish, filter: "choria.reg.*.b" },
        second: { stream: "inventory", sink: "nodes", filter: "choria.reg.x.>" },
      },
    },
    path: "jobs.second.filter",
    problem: /shares messages of work queue/,
    fix: /filters that do not overlap/,
  },
  {
    name: "a function for a job that does not exist",
    given: { lambda: { functions: { slow: { jobs: ["republsh"] } } } },
    path: "lambda.functions.slow.jobs[0]",
    problem: /names no entry of "jobs"/,
    fix: /did you mean "republish"/,
  },
  {
    name: "a job that two functions run",
    given: { lambda: { functions: { slow: { jobs: ["republish"] }, fast: { jobs: ["republish"] } } } },
    path: "lambda.functions.fast.jobs[0]",
    problem: /run by function "slow" already/,
    fix: /each job in one function/,
  },
  {
    name: "a function under the name of one that is always there",
    given: { lambda: { functions: { sweeper: { jobs: ["republish"] } } } },
    path: "lambda.functions.sweeper",
    problem: /always there/,
    fix: /another name/,
  },
  {
    name: "two functions whose names differ in the case of their first letter",
    given: {
      jobs: { republish, second: { ...republish, stream: "nodes", sink: "spare" } },
      streams: { inventory, nodes, spare: { ...nodes, subject: "spare.{sender}" } },
      sinks: { nodes: { type: "jetstream", to: "nodes" }, spare: { type: "jetstream", to: "spare" } },
      lambda: { functions: { slow: { jobs: ["republish"] }, Slow: { jobs: ["second"] } } },
    },
    path: "lambda.functions.Slow",
    problem: /differs from "slow" in its first letter's case only/,
    fix: /another name/,
  },
  {
    name: "a function that may run longer than Lambda allows",
    given: { lambda: { functions: { slow: { jobs: ["republish"], timeout: "20m" } } } },
    path: "lambda.functions.slow.timeout",
    problem: /longer than Lambda allows/,
    fix: /15m/,
  },
  {
    name: "a job that may run longer than its function",
    given: {
      jobs: { republish: { ...republish, timeout: "10m" } },
      lambda: { functions: { slow: { jobs: ["republish"], timeout: "5m" } } },
    },
    path: "lambda.functions.slow.jobs[0]",
    problem: /may run for 10m.*timeout of 5m/,
    fix: /602s|10m/,
  },
  {
    name: "a schedule that EventBridge does not know",
    given: { lambda: { functions: { slow: { jobs: ["republish"], schedule: "1 minute" } } } },
    path: "lambda.functions.slow.schedule",
    problem: /rate\(1 minute\)/,
    fix: /./,
  },
  {
    name: "a drain that outlives an idle connection",
    given: { dispatcher: { budget: "6m" } },
    path: "dispatcher.budget",
    problem: /outlives an idle connection/,
    fix: /5m/,
  },
  {
    name: "a longest pause that is shorter than the first",
    given: { dispatcher: { coolDown: "1m" } },
    path: "dispatcher.maxCoolDown",
    problem: /shorter than coolDown/,
    fix: /1m or more/,
  },
];

for (const { name, given, path, problem, fix, value, also } of CASES) {
  test(`${name} is a problem with a fix`, () => {
    const found = problemsOf(() => parseValue(makeConfigValue(given)));

    const match = found.find((one) => one.path === path && problem.test(one.problem));
    assert.ok(match, JSON.stringify(found, null, 2));
    assert.match(match.fix, fix);
    assert.equal(match.file, "test.yaml");
    assert.ok((match.line ?? 0) > 0, "no line");
    if (value !== undefined) assert.equal(match.value, value);
    assert.deepEqual(
      found.filter((one) => one.path !== path && one.path !== also),
      [],
      "one mistake, but other places are blamed too",
    );
  });
}

const ACCEPTED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "the configuration all others are made from": {},
  "two jobs on a limits stream": {
    jobs: { a: { stream: "nodes", handler: "a.js#a" }, b: { stream: "nodes", handler: "b.js#b", filter: "nodes.x.>" } },
  },
  "disjoint filters on a work queue": {
    jobs: {
      a: { stream: "inventory", sink: "nodes", filter: "choria.reg.a.>" },
      b: { stream: "inventory", sink: "nodes", filter: "choria.reg.b.>" },
    },
  },
  "an unproven sender where it is allowed": {
    ...ingest({ kind: "request" }),
    streams: { inventory: { ...inventory, allowUnprovenSender: true }, nodes: { ...nodes, allowUnprovenSender: true } },
  },
  "the sender of a signed submission": { ...ingest({ kind: "submission", proof: "payload" }) },
  "events, unsigned submissions and raw messages that are said to be unproven": {
    ingest: Object.fromEntries(
      ["event", "submission", "raw"].map((kind) => [
        kind,
        { connection: "main", subject: `in.${kind}`, kind, proof: "none", to: ["inventory"] },
      ]),
    ),
    ...loose,
  },
  "the sender of a signed reply": { ...ingest({ kind: "reply" }) },
  "insecure registrations where they are let in": {
    trust: { v1: { ...v1, allowInsecureRegistration: true } },
    ...ingest({ proof: "none" }),
    streams: {
      inventory: { ...inventory, subject: "choria.reg.{agent}" },
      nodes: { ...nodes, allowUnprovenSender: true },
    },
  },
  "a lossy work queue where loss is allowed": streams({ ...inventory, discard: "old", maxAge: "1h", allowLoss: true }),
  "one name on two connections": {
    connections: { main, other: main },
    ...streams({ connection: "other", subject: "choria.reg.{sender}", name: "inventory" }, "copy"),
  },
};

for (const [name, given] of Object.entries(ACCEPTED)) {
  test(`${name} is accepted`, () => {
    assert.deepEqual(
      problemsOf(() => parseValue(makeConfigValue(given))),
      [],
    );
  });
}

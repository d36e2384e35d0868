import assert from "node:assert/strict";
import { hostname } from "node:os";
import { type TestContext, test } from "node:test";
import { headers as makeHeaders } from "nats";
import { runKey } from "../../functions/consumer/run-records.ts";
import { bucketSpecs } from "../../shared/config/resolve.ts";
import { Bucket } from "../../shared/jetstream/buckets.ts";
import { featuresOf } from "../../shared/jetstream/features.ts";
import { publishReports } from "../../shared/jetstream/reports.ts";
import { runCli, startCli } from "../support/cli.ts";
import { makeConfigValue, parseValue } from "../support/config.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

/** A work queue with a few messages, and nobody working on it. */
async function setup(t: TestContext, { messages = 3 } = {}) {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  const trust = { v2: { issuers: { choria: "ab".repeat(32) } } };
  const config = await writeYaml(folder, makeConfigValue({ connections: { main: { servers: [nats.url] } }, trust }));
  const { code, stderr } = await runCli(["streams", "apply", "--config", config]);
  assert.deepEqual([code, stderr], [0, ""]);
  const connection = await nats.connect();
  const js = connection.jetstream();
  for (let count = 0; count < messages; count += 1) {
    const headers = makeHeaders();
    headers.set("Choria-Sender", `web${count}.example.net`);
    headers.set("Job-Attempts", "2");
    await js.publish(`choria.reg.web${count}.example.net`, `{"n":\n${count}}\u001b[31m`, {
      headers,
      msgID: `m${count}`,
    });
  }
  const jobs = (...args: string[]) => runCli(["jobs", ...args, "--config", config]);
  return {
    nats,
    connection,
    jsm: await nats.jsm(),
    config,
    jobs,
    canPause: featuresOf(nats.serverVersion).consumerPause,
  };
}

const linesOf = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("jobs ls shows a job on one line", async (t) => {
  const { jobs } = await setup(t);

  const { code, stdout, stderr } = await jobs("ls");

  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^JOB .*\nrepublish {2}inventory {2}republish {2}sink nodes {2}no +0 +3\n$/);
});

test("jobs status counts what waits, runs, is delayed, stranded and dead", async (t) => {
  const { connection, jsm, jobs } = await setup(t);
  const js = connection.jetstream();
  await js.publish("CHORIA_DELAYED.republish", "later");
  await js.publish("CHORIA_DEAD.republish", "dead");
  await js.publish("CHORIA_DEAD.other", "another job's");
  await jsm.consumers.update("inventory", "republish", { max_deliver: 1 });
  const consumer = await js.consumers.get("inventory", "republish");
  (await consumer.next({ expires: 2_000 }))?.nak(); // spent: the server gives it up when it is asked for the next

  const status = await eventually(async () => {
    (await consumer.next({ expires: 2_000 }))?.ack();
    const [found] = linesOf((await jobs("status", "--json", "--sample", "100ms")).stdout);
    assert.equal(found.stranded, 1);
    return found;
  });

  const { job, stream, consumers, pending, inFlight, delayed, dead, workers, paused } = status;
  assert.deepEqual(
    { job, stream, consumers, pending, inFlight, delayed, dead, workers, paused },
    {
      ...{ job: "republish", stream: "inventory", consumers: ["republish"], inFlight: 0 },
      pending: (await jsm.consumers.info("inventory", "republish")).num_pending,
      ...{ delayed: 1, dead: 1, workers: [], paused: null },
    },
  );
  assert.ok(status.oldestMs > 0, String(status.oldestMs));
});

test("jobs status shows workers and their latency from what they report", async (t) => {
  const { connection, jobs } = await setup(t);
  const bucket = await Bucket.open(connection, {
    ...({ name: "CHORIA_WORKERS", storage: "file", replicas: 1, maxAgeMs: 60_000 } as const),
  });
  let done = 0;
  const report = () => {
    done += 100;
    const latency = new Map([
      [1, 0],
      [2, done],
      [Number.POSITIVE_INFINITY, done],
    ]);
    return {
      ...{ host: "evil\u001b[31m", pid: 7, startedAt: Date.now() - 9_000, at: Date.now(), held: 5, running: 2 },
      ...{ prefetch: 8, loopLagMs: 3, settled: { done }, latency, run: latency, pausedPartitions: [3] },
    };
  };
  const read = async () => new Map([["republish", report()]]);
  const stop = publishReports({ bucket, worker: "w1", everyMs: 1_000, read, onTrouble: () => {} });
  t.after(stop);

  const { stdout } = await eventually(async () => {
    const shown = await jobs("status", "republish", "--sample", "100ms");
    assert.match(shown.stdout, /workers +1$/m);
    return shown;
  });

  assert.match(stdout, /evil\?\[31m pid 7: 2 running, 5 held of 8, loop lag 3ms, partitions paused: 3/);
  assert.match(stdout, /latency +1\.5s \/ 2\.0s /);
});

test("jobs peek shows the next messages, and leaves the queue untouched", async (t) => {
  const { jsm, jobs, connection } = await setup(t);
  const consumer = await connection.jetstream().consumers.get("inventory", "republish");
  const first = await consumer.next({ expires: 2_000 });
  const runs = await Bucket.open(connection, bucketSpecs(parseValue(makeConfigValue())).runs);
  const record = { runs: 5, crashes: 0, running: true, firstRunAt: new Date().toISOString(), by: "w1" };
  const key = runKey("republish", {
    streamSequence: 1,
    timestampMs: Math.floor((first?.info.timestampNanos ?? 0) / 1e6),
  });
  await runs.put(key, JSON.stringify(record));
  const before = await jsm.consumers.info("inventory", "republish");

  const json = await jobs("peek", "republish", "--limit", "2", "--json");
  const text = await jobs("peek", "republish");

  const { num_pending, num_ack_pending, delivered, ack_floor } = await jsm.consumers.info("inventory", "republish");
  assert.deepEqual(
    { num_pending, num_ack_pending, delivered: delivered.consumer_seq, ack_floor: ack_floor.stream_seq },
    {
      num_pending: before.num_pending,
      num_ack_pending: before.num_ack_pending,
      delivered: before.delivered.consumer_seq,
      ack_floor: before.ack_floor.stream_seq,
    },
  );
  assert.deepEqual(
    linesOf(json.stdout).map(({ sequence, state, id, sender, attempts, body }) => [
      ...[sequence, state, id, sender, attempts],
      Buffer.from(body, "base64").toString(),
    ]),
    [
      [1, "delivered", "m0", "web0.example.net", 5, '{"n":\n0}\u001b[31m'],
      [2, "waiting", "m1", "web1.example.net", 2, '{"n":\n1}\u001b[31m'],
    ],
  );
  assert.match(
    text.stdout,
    /^1 {2}\S+Z {2}delivered {2}choria\.reg\.web0\.example\.net {2}id m0 {2}sender web0\.example\.net {2}attempts 5 {2}13 B\n {4}\{"n": 0\}\?\[31m\n2 /,
  );
});

test("jobs pause holds the job for everybody, says who did it, and outlives the server; resume ends it", async (t) => {
  const { nats, jsm, jobs, canPause } = await setup(t);

  const paused = await jobs("pause", "republish", "--by", "ops\u001b[31m");
  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  const status = await jobs("status", "republish", "--sample", "100ms");
  const [facts] = linesOf((await jobs("ls", "--json")).stdout);
  const resumed = await jobs("resume", "republish");
  const after = await jobs("ls", "--json");

  assert.deepEqual([paused.code, resumed.code, resumed.stdout], [0, 0, "republish is resumed\n"]);
  assert.match(
    paused.stdout,
    canPause ? /^republish is paused, on the server too/ : /^republish is paused for our workers/,
  );
  assert.match(status.stdout, /PAUSED since \S+Z by ops\?\[31m, /);
  assert.equal(facts.paused.onServer, canPause);
  assert.equal(linesOf(after.stdout)[0].paused, null);
  const records = await Promise.all([1, 2].map((seq) => jsm.streams.getMessage("CHORIA_AUDIT", { seq })));
  const told = records.map((record) => [record.subject, record.json<{ by: string; job: string }>()] as const);
  assert.deepEqual(
    told.map(([subject, { job }]) => [subject, job]),
    [
      ["CHORIA_AUDIT.jobs.pause", "republish"],
      ["CHORIA_AUDIT.jobs.resume", "republish"],
    ],
  );
  assert.match(told[1]?.[1].by ?? "", new RegExp(`@${hostname()}$`));
});

test("jobs pause --for ends by itself", async (t) => {
  const { jobs } = await setup(t);

  const { code, stderr } = await jobs("pause", "republish", "--for", "3s");

  assert.deepEqual([code, stderr], [0, ""]);
  await eventually(async () => {
    const [{ paused }] = linesOf((await jobs("ls", "--json")).stdout);
    assert.equal(paused, null);
  });
});

test("jobs status --watch looks again until it is told to stop", async (t) => {
  const { config } = await setup(t);
  const watching = startCli(["jobs", "status", "--watch", "--json", "--sample", "200ms", "--config", config]);

  await eventually(() => assert.ok(watching.output.stdout.split("\n").length > 3, "it printed three times"));
  watching.child.kill("SIGINT");

  const { code } = await watching.ended;
  assert.equal(code, 0);
});

test("an unknown job ends with 2 and the name that was meant, before any server is asked", async (t) => {
  const { nats, jobs } = await setup(t, { messages: 0 });
  await nats.server.kill("SIGKILL");

  const results = await Promise.all(["status", "pause", "resume", "peek"].map((command) => jobs(command, "republsh")));

  for (const { code, stderr } of results) {
    assert.equal(code, 2);
    assert.match(stderr, /there is no job "republsh": did you mean "republish"\?/);
  }
});

test("a server that is away ends with 1 and names the connection", async (t) => {
  const { nats, jobs } = await setup(t, { messages: 0 });
  await nats.server.kill("SIGKILL");

  const { code, stderr } = await jobs("ls");

  assert.equal(code, 1);
  assert.match(stderr, /connection "main" to nats:\/\/127\.0\.0\.1:\d+: no server answers there/);
});

test("a job whose stream nobody has made yet is shown as such", async (t) => {
  const { jsm, jobs } = await setup(t, { messages: 0 });
  await jsm.streams.delete("inventory");

  const [ls, status, peek] = await Promise.all([jobs("ls"), jobs("status"), jobs("peek", "republish")]);

  assert.match(ls.stdout, /\(no stream yet\)/);
  assert.match(status.stdout, /the stream does not exist yet/);
  assert.equal(peek.code, 1);
  assert.match(peek.stderr, /job "republish" has no stream "inventory" yet/);
});

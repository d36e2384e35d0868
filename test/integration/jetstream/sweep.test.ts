import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { AckPolicy, DiscardPolicy, headers, type JsMsg, RetentionPolicy } from "nats";
import { makeChannel } from "../../../shared/jetstream/channel.ts";
import { strandedIn } from "../../../shared/jetstream/stranded.ts";
import { type SweepEvent, type SweepTarget, type SweptJob, sweep } from "../../../shared/jetstream/sweep.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

const ADVISORIES = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.JOBS.*";

interface Choice {
  readonly maxDeliver?: number;
  readonly retention?: RetentionPolicy;
  readonly filter?: string;
  /** Whether advisories are captured from the start. */
  readonly advised?: boolean;
}

/** Stream JOBS (`jobs.>`) with durable `work`, the dead letters, the advisories, and a sweeper for them. */
async function setup(t: TestContext, choice: Choice = {}) {
  const nats = await startNats(t);
  const [jsm, connection] = await Promise.all([nats.jsm(), nats.connect()]);
  const js = connection.jetstream();
  const retention = choice.retention ?? RetentionPolicy.Workqueue;
  await jsm.streams.add({ name: "JOBS", subjects: ["jobs.>"], retention });
  await jsm.streams.add({ name: "DEAD", subjects: ["DEAD.>"] });
  const advised = choice.advised ?? true;
  await jsm.streams.add({ name: "ADV", subjects: [advised ? ADVISORIES : "nobody.says.this"] });
  await jsm.consumers.add("ADV", { durable_name: "sweeper", ack_policy: AckPolicy.Explicit });
  await jsm.consumers.add("JOBS", {
    durable_name: "work",
    ack_policy: AckPolicy.Explicit,
    ack_wait: 200e6,
    max_deliver: choice.maxDeliver ?? 2,
    ...(choice.filter === undefined ? {} : { filter_subject: choice.filter }),
  });
  const channel = makeChannel(connection, 5_000, () => performance.now());
  const isWorkQueue = retention === RetentionPolicy.Workqueue;
  const job: SweptJob = { job: "inventory", stream: "JOBS", durable: "work", isWorkQueue };
  const target: SweepTarget = {
    channel,
    advisories: { stream: "ADV", durable: "sweeper" },
    jobs: [job],
    deadLetters: { channel, stream: "DEAD", subjectPrefix: "DEAD" },
  };
  const events: SweepEvent[] = [];
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  const work = await js.consumers.get("JOBS", "work");
  return {
    jsm,
    events,
    messages,
    nats,
    put: async (body: string, id = "", subject = "jobs.a") => {
      const given = headers();
      if (id !== "") given.set("Nats-Msg-Id", id);
      given.set("Job-Attempts", "7");
      return (await js.publish(subject, body, { headers: given })).seq;
    },
    /** Takes what is there, as a worker does. */
    async take(act: (message: JsMsg) => void = () => {}): Promise<JsMsg[]> {
      const taken: JsMsg[] = [];
      for await (const message of await work.fetch({ max_messages: 100, expires: 1_000 })) {
        act(message);
        taken.push(message);
      }
      await connection.flush();
      return taken;
    },
    /** Delivers everything as often as the consumer allows, and settles nothing. */
    async spend(): Promise<void> {
      await eventually(async () => {
        for await (const _ of await work.fetch({ max_messages: 100, expires: 1_000 }));
        const { num_pending, num_ack_pending } = await jsm.consumers.info("JOBS", "work");
        assert.deepEqual([num_pending, num_ack_pending], [0, 0]);
      });
    },
    sweep: (changes: Partial<SweepTarget> = {}) =>
      sweep(
        { ...target, ...changes },
        { settleMs: 100, signal: new AbortController().signal, onEvent: (event) => void events.push(event) },
      ),
  };
}

const swept = (by: "advisory" | "reconcile", count = 1): SweepEvent[] =>
  Array.from({ length: count }, () => ({ type: "swept", job: "inventory", reason: "DELIVERIES_SPENT", by }));

test("a message whose deliveries are spent is taken to the dead letters as the server's advisory says", async (t) => {
  const { put, spend, sweep, jsm, messages, events } = await setup(t);
  await put("a", "id-a");
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 1));
  assert.deepEqual(await strandedIn(jsm, "JOBS"), { messages: 1, stranded: 1, unclaimed: 0 });

  await sweep();

  assert.deepEqual(events, swept("advisory"));
  const { subject, header, data } = await jsm.streams.getMessage("DEAD", { seq: 1 });
  assert.equal(subject, "DEAD.inventory");
  assert.equal(Buffer.from(data).toString(), "a");
  const told = ["Dead-Reason", "Dead-Attempts", "Dead-Stream", "Dead-Sequence", "Dead-Subject", "Dead-Message-Id"];
  assert.deepEqual(
    told.map((name) => header.get(name)),
    ["DELIVERIES_SPENT", "2", "JOBS", "1", "jobs.a", "id-a"],
  );
  assert.equal(header.has("Job-Attempts"), false, "its life is over");
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [0, 1]);
  assert.deepEqual(await strandedIn(jsm, "JOBS"), { messages: 0, stranded: 0, unclaimed: 0 });
  assert.equal((await jsm.consumers.info("ADV", "sweeper")).num_ack_pending, 0);
});

test("with the advisory lost a stranded message is found lying in its queue", async (t) => {
  const { put, spend, sweep, messages, events } = await setup(t, { advised: false });
  await put("a");
  await put("b");
  await spend();

  await sweep();

  assert.deepEqual(events, swept("reconcile", 2));
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [0, 2]);
});

test("a stranded message is found below others that were done since", async (t) => {
  const { put, spend, take, sweep, messages, events } = await setup(t, { advised: false });
  await put("a");
  await spend();
  await put("b");
  await take((message) => message.ack());

  await sweep();

  assert.deepEqual(events, swept("reconcile"));
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [0, 1]);
});

test("a late acknowledgement takes a spent message out of the queue, and the sweeper finds nothing", async (t) => {
  const { put, take, spend, sweep, messages, events } = await setup(t);
  await put("a");
  const [delivery] = await take();
  await spend();
  assert.equal(await delivery?.ackAck(), true);
  await eventually(async () => assert.equal(await messages("JOBS"), 0));

  await sweep();

  assert.deepEqual([events, await messages("DEAD")], [[], 0]);
});

test("messages that wait, are in hand, wait for a retry or are done are left alone", async (t) => {
  const { put, take, sweep, jsm, messages, events } = await setup(t, { maxDeliver: 50 });
  for (const body of ["held", "retried", "done", "held too"]) await put(body);
  await take((message) => {
    if (message.string() === "done") message.ack();
    if (message.string() === "retried") message.nak(600_000);
  });
  await put("waiting");

  await sweep();

  assert.deepEqual(events, []);
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [4, 0]);
  assert.deepEqual(await strandedIn(jsm, "JOBS"), { messages: 4, stranded: 0, unclaimed: 0 });
});

test("without a bound on deliveries nothing is ever taken", async (t) => {
  const { put, take, sweep, messages, events } = await setup(t, { maxDeliver: -1 });
  await put("a");
  for (let count = 0; count < 3; count++) await take((message) => message.nak());

  await sweep();

  assert.deepEqual([events, await messages("JOBS"), await messages("DEAD")], [[], 1, 0]);
});

test("what lies unseen in a queue whose deliveries have no bound is put back at its end under an id of its own", async (t) => {
  const { put, spend, take, sweep, messages, events, jsm } = await setup(t, { advised: false });
  await put("a", "id-a");
  await spend();
  await jsm.consumers.update("JOBS", "work", { max_deliver: -1 }); // revives nothing: the message lies there unseen

  await sweep();

  assert.deepEqual(events, [{ type: "requeued", job: "inventory" }]);
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [1, 0]);
  const [message] = await take();
  assert.equal(message?.string(), "a");
  assert.deepEqual(
    ["Nats-Msg-Id", "Job-Id"].map((name) => message?.headers?.get(name)),
    ["id-a.s1", "id-a"],
  );
});

test("an advisory from before a consumer was made anew kills nothing: its messages are delivered again", async (t) => {
  const { put, spend, sweep, jsm, messages, events, take } = await setup(t);
  await put("a");
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 1));
  const { config } = await jsm.consumers.info("JOBS", "work");
  await jsm.consumers.delete("JOBS", "work");
  await jsm.consumers.add("JOBS", config);

  await sweep();

  assert.deepEqual([events, await messages("DEAD")], [[], 0]);
  assert.equal((await take((message) => message.ack())).length, 1);
});

test("an advisory about a stream that was made anew is not about its new messages", async (t) => {
  const { put, spend, sweep, jsm, messages, events } = await setup(t);
  await put("old");
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 1));
  const [stream, consumer] = [await jsm.streams.info("JOBS"), await jsm.consumers.info("JOBS", "work")];
  await jsm.streams.delete("JOBS");
  await jsm.streams.add(stream.config);
  await jsm.consumers.add("JOBS", consumer.config);
  assert.equal(await put("new"), 1, "the same sequence");

  await sweep();

  assert.deepEqual([events, await messages("JOBS"), await messages("DEAD")], [[], 1, 0]);
});

test("advisories about other consumers, and rubbish among them, are put aside", async (t) => {
  const { put, spend, sweep, jsm, messages, events, nats } = await setup(t, { advised: true });
  await put("a");
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 1));
  (await nats.connect()).publish("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.JOBS.work", "rubbish");
  await eventually(async () => assert.equal(await messages("ADV"), 2));

  await sweep({ jobs: [{ job: "other", stream: "JOBS", durable: "other", isWorkQueue: true }] });

  assert.deepEqual([events, await messages("JOBS"), await messages("DEAD")], [[], 1, 0]);
  const { num_pending, num_ack_pending } = await jsm.consumers.info("ADV", "sweeper");
  assert.deepEqual([num_pending, num_ack_pending], [0, 0]);
});

test("a stream that keeps its messages keeps a spent one too; its copy is a dead letter", async (t) => {
  const { put, spend, sweep, jsm, messages, events } = await setup(t, { retention: RetentionPolicy.Limits });
  await put("a");
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 1));

  await sweep();
  await sweep();

  assert.deepEqual(events, swept("advisory"));
  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [1, 1]);
  assert.equal(await strandedIn(jsm, "JOBS"), null);
});

test("while the dead letters cannot be stored nothing leaves the queue, and a later sweep makes good for it", async (t) => {
  const { put, spend, sweep, jsm, messages, events } = await setup(t);
  const { config } = await jsm.streams.info("DEAD");
  await jsm.streams.update("DEAD", { ...config, max_msgs: 1, discard: DiscardPolicy.New });
  for (const body of ["a", "b", "c"]) await put(body);
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 3));

  await sweep();

  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [2, 1]);
  const failed = events.filter(({ type }) => type === "sweep_failed");
  assert.ok(failed.length >= 2, JSON.stringify(events));
  assert.match(JSON.stringify(failed[0]), /"what":"inventory","detail":"JOBS:\d+: not copied: full/);
  await jsm.streams.update("DEAD", { ...config, max_msgs: -1 });

  await sweep();

  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [0, 3]);
});

test("sweepers that run at one time make one dead letter of each message", async (t) => {
  const { put, spend, sweep, messages, events } = await setup(t);
  for (let count = 0; count < 30; count++) await put(String(count));
  await spend();
  await eventually(async () => assert.equal(await messages("ADV"), 30));

  await Promise.all([sweep(), sweep(), sweep()]);

  assert.deepEqual([await messages("JOBS"), await messages("DEAD")], [0, 30]);
  assert.deepEqual(
    events.filter(({ type }) => type === "sweep_failed"),
    [],
  );
});

test("messages on subjects that no consumer claims are counted apart from stranded ones", async (t) => {
  const { put, spend, jsm, sweep, messages } = await setup(t, { filter: "jobs.a.*" });
  for (const subject of ["jobs.a.1", "jobs.b", "jobs.c"]) await put("x", "", subject);
  await spend();

  assert.deepEqual(await strandedIn(jsm, "JOBS"), { messages: 3, stranded: 1, unclaimed: 2 });
  await sweep();
  assert.deepEqual(await strandedIn(jsm, "JOBS"), { messages: 2, stranded: 0, unclaimed: 2 });
  assert.equal(await messages("DEAD"), 1);
});

test("a busy queue is not called stranded", async (t) => {
  const { put, take, jsm } = await setup(t, { maxDeliver: 50 });
  const looks: number[] = [];
  let busy = true;
  const producing = (async () => {
    while (busy) await put("x");
  })();
  const consuming = (async () => {
    while (busy) await take((message) => message.ack());
  })();

  for (let count = 0; count < 20; count++) looks.push((await strandedIn(jsm, "JOBS"))?.stranded ?? -1);
  busy = false;
  await Promise.all([producing, consuming]);

  assert.deepEqual(new Set(looks), new Set([0]));
});

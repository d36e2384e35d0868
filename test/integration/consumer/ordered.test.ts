import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { drainOnce } from "../../../functions/consumer/drain.ts";
import { OpenJobs } from "../../../functions/consumer/open-jobs.ts";
import {
  dead,
  defineBatchHandler,
  defineHandler,
  type JobMessage,
  type Outcome,
  retryAfter,
  snooze,
} from "../../../shared/jobs/handler.ts";
import { partitionOf } from "../../../shared/subjects/partition.ts";
import { eventually } from "../../support/eventually.ts";
import {
  assertInOrder,
  bySender,
  makeOrderBench,
  type OrderBench,
  PARTITIONS,
  startOrderedProcess,
} from "../../support/order.ts";

const SENDERS = Array.from({ length: 12 }, (_, index) => `n${index}`);

function handler(
  run: (text: string, message: JobMessage<Uint8Array>, attempt: number) => Promise<Outcome | undefined>,
) {
  return defineHandler({
    name: "test",
    input: "bytes",
    retry: { policy: "fixed", delayMs: 20, maxDelayMs: 20, attempts: 1_000, jitter: 0 },
    run: (message, { attempt }) => run(Buffer.from(message.data).toString(), message, attempt),
  });
}

function noting(
  runs: Map<string, number[]>,
  run: (text: string) => Promise<Outcome | undefined> = async () => undefined,
) {
  return handler(async (text) => {
    const [sender = "", n = ""] = text.split(" ");
    runs.set(sender, [...(runs.get(sender) ?? []), Number(n)]);
    return run(text);
  });
}

/** Two senders of different partitions, and another of the first one's. */
function senders(): { a: string; sameAsA: string; b: string } {
  const all = Array.from({ length: 100 }, (_, index) => `s${index}`);
  const [a = ""] = all;
  const inA = (sender: string) => partitionOf(sender, PARTITIONS) === partitionOf(a, PARTITIONS);
  return { a, sameAsA: all.slice(1).find(inA) ?? "", b: all.find((sender) => !inA(sender)) ?? "" };
}

async function putAll(bench: OrderBench, from: number, to: number, of: readonly string[] = SENDERS): Promise<void> {
  for (let n = from; n <= to; n++) await Promise.all(of.map((sender) => bench.put(sender, n)));
}

/** Runs until the queue is empty: then the effects are complete, in order, and there once. */
async function assertAllDone(bench: OrderBench, upTo: number, timeoutMs = 90_000): Promise<void> {
  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs });
  const wanted = Array.from({ length: upTo }, (_, index) => index + 1);
  const effects = await bySender(bench.connection, "OUT");
  assert.deepEqual([...effects.keys()].sort(), [...SENDERS].sort());
  for (const [sender, numbers] of effects) assert.deepEqual(numbers, wanted, sender);
}

async function makeStreams(t: TestContext): Promise<OrderBench> {
  const bench = await makeOrderBench(t);
  const { worker } = await bench.start(
    "first",
    handler(async () => undefined),
  );
  await worker.stop(2_000); // it has made the streams
  return bench;
}

test("messages of a key run one at a time and in order, although runs fail at random and are tried again", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  let running = 0;
  let most = 0;
  const busy = new Set<string>();
  const { worker } = await bench.start(
    "a",
    noting(runs, async (text) => {
      const [sender = ""] = text.split(" ");
      assert.ok(!busy.has(sender), "two of one key at a time");
      busy.add(sender);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      running -= 1;
      busy.delete(sender);
      if (Math.random() < 0.3) throw new Error("at random");
      return undefined;
    }),
    { job: "concurrency: 8" },
  );

  await putAll(bench, 1, 20);

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 240), { timeoutMs: 60_000 });
  assertInOrder(runs);
  assert.ok(most > 1 && most <= 8, `${most} at a time`);
  assert.equal(worker.counters.of("work").settled.dead, 0);
  await eventually(async () => assert.equal(await bench.messages("IN"), 0));
});

test("a handler names the key: messages of one sender may run side by side, those of one key do not", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  const keyed = defineHandler({
    name: "keyed",
    input: "bytes",
    key: (message) => `${message.sender}/${message.id.endsWith("1") ? "odd" : "other"}`,
    run: async (message) => {
      const [sender = "", n = ""] = Buffer.from(message.data).toString().split(" ");
      runs.set(sender, [...(runs.get(sender) ?? []), Number(n)]);
      return n === "1" ? retryAfter(3_600_000) : undefined;
    },
  });
  await bench.start("a", keyed);

  await putAll(bench, 1, 3, ["n7"]);
  await bench.put("n7", 11);

  await eventually(() => assert.deepEqual(runs.get("n7"), [1, 2, 3]));
  await eventually(async () => assert.equal(await bench.messages("IN"), 2)); // the ack of the third is on its way
});

test("a handler of batches is refused, with what to do about it", async (t) => {
  const bench = await makeOrderBench(t);
  const batches = defineBatchHandler({
    name: "batches",
    input: "bytes",
    maxMessages: 2,
    maxWaitMs: 10,
    run: async () => [],
  });

  await assert.rejects(bench.start("a", batches), /jobs.work.order.*cannot keep an order/s);
});

test("a key that waits for its retry hinders no other, and its later messages wait with it", async (t) => {
  const bench = await makeOrderBench(t);
  const { a, sameAsA } = senders();
  const runs = new Map<string, number[]>();
  const { worker } = await bench.start(
    "a",
    noting(runs, async (text) => (text === `${a} 1` ? retryAfter(3_600_000) : undefined)),
  );

  await putAll(bench, 1, 5, [a, sameAsA]);

  await eventually(() => assert.deepEqual(runs.get(sameAsA), [1, 2, 3, 4, 5]));
  assert.deepEqual(runs.get(a), [1]);
  assert.equal(worker.held, 5);
});

test("a snoozed message costs no attempt and keeps its place", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  const attempts: number[] = [];
  await bench.start(
    "a",
    handler(async (text, _message, attempt) => {
      const [sender = "", n = ""] = text.split(" ");
      runs.set(sender, [...(runs.get(sender) ?? []), Number(n)]);
      if (n !== "1") return undefined;
      attempts.push(attempt);
      return attempts.length < 4 ? snooze(10) : undefined;
    }),
  );

  await putAll(bench, 1, 3, ["n1"]);

  await eventually(() => assert.deepEqual(runs.get("n1"), [1, 1, 1, 1, 2, 3]));
  assert.deepEqual(attempts, [1, 1, 1, 1]);
});

test("a dead message lets its key go on, once its copy is stored", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  await bench.start(
    "a",
    noting(runs, async (text) => (text === "n1 1" ? dead("BROKEN") : undefined)),
  );

  await putAll(bench, 1, 3, ["n1"]);

  await eventually(() => assert.deepEqual(runs.get("n1"), [1, 2, 3]));
  const copy = await bench.jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(copy.header.get("Dead-Reason"), "BROKEN");
  await eventually(async () => assert.equal(await bench.messages("IN"), 0));
});

test("attempts are counted across owners: who takes a partition over goes on where the last one was", async (t) => {
  const bench = await makeOrderBench(t);
  const attempts: number[] = [];
  const failing = defineHandler({
    name: "failing",
    input: "bytes",
    retry: { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 6, jitter: 0 },
    run: async (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempts.length === 3) return retryAfter(3_600_000);
      throw new Error("always");
    },
  });
  const first = await bench.start("a", failing);
  await bench.put("n1", 1);
  await eventually(() => assert.equal(attempts.length, 3));
  await eventually(() => assert.equal(first.worker.counters.of("work").settled.retried, 3));

  await first.worker.stop(2_000);
  const second = await bench.start("b", failing);

  await eventually(() => assert.equal(second.worker.counters.of("work").received, 1));
  assert.deepEqual(attempts, [1, 2, 3]); // the delay of an hour goes with the message
  assert.equal(second.worker.held, 1);
});

test("beyond its backlog a partition pauses, visibly, and goes on when the key does; other partitions do all the time", async (t) => {
  const bench = await makeOrderBench(t);
  const { a, b } = senders();
  const runs = new Map<string, number[]>();
  let isOpen = false;
  const { worker, events } = await bench.start(
    "a",
    noting(runs, async (text) => (text.startsWith(`${a} `) && !isOpen ? retryAfter(50) : undefined)),
    { backlog: 20, job: "concurrency: 2" },
  );
  const changes = () => events.flatMap((event) => (event.type === "partition" ? [event.change] : []));

  await putAll(bench, 1, 100, [a]);
  await eventually(() => assert.ok(changes().includes("paused"), "not paused"));
  await putAll(bench, 1, 10, [b]);
  await eventually(() => assert.equal(runs.get(b)?.length, 10));
  assert.ok(worker.held <= 30, `${worker.held} held`);
  isOpen = true;

  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs: 40_000 });
  assertInOrder(runs);
  assert.ok(changes().includes("resumed"), "not resumed");
});

test("workers share the partitions evenly, and hand them over within a lease or two", async (t) => {
  const bench = await makeOrderBench(t);
  const idle = handler(async () => undefined);
  const count = async () => {
    const owners = await bench.owners();
    return ["a", "b", "c"].map((name) => owners.filter((owner) => owner === name).length);
  };
  const first = await bench.start("a", idle);
  await eventually(async () => assert.deepEqual(await count(), [4, 0, 0]));

  await bench.start("b", idle);
  await eventually(async () => assert.deepEqual(await count(), [2, 2, 0]));
  await bench.start("c", idle);
  await eventually(async () => assert.deepEqual((await count()).sort(), [1, 1, 2]));
  await first.worker.stop(2_000);

  await eventually(async () => assert.deepEqual(await count(), [0, 2, 2]));
});

test("a worker that stops hands its partitions over at once, long before its lease would end", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  const long = { leaseMs: 60_000 };
  const first = await bench.start("a", noting(runs), long);
  await eventually(async () => assert.deepEqual(await bench.owners(), ["a", "a", "a", "a"]));
  const second = await bench.start("b", noting(runs), long);
  await putAll(bench, 1, 3);
  await eventually(async () => assert.equal(await bench.messages("IN"), 0));

  await first.worker.stop(5_000);
  await putAll(bench, 4, 6);

  await eventually(async () => assert.equal(await bench.messages("IN"), 0));
  assert.ok(second.worker.counters.of("work").settled.done > 0, "the second did nothing");
  assertInOrder(runs);
});

test("the partitions of a worker that is gone without a word are taken over when its leases end", async (t) => {
  const bench = await makeStreams(t);
  const kv = await bench.connection.jetstream().views.kv("CHORIA_STATE");
  for (const partition of [0, 1, 2, 3]) await kv.put(`lease.work.${partition}`, JSON.stringify({ worker: "ghost" }));
  await kv.put("unrelated", "x");
  const workers = await bench.connection.jetstream().views.kv("CHORIA_WORKERS");
  await workers.put("order.work.ghost", "{}");

  await bench.start(
    "b",
    handler(async () => undefined),
  );

  await eventually(async () => assert.deepEqual(await bench.owners(), ["b", "b", "b", "b"]));
});

test("order holds while workers come and go", async (t) => {
  const bench = await makeStreams(t);
  const runs = new Map<string, number[]>();
  const failing = noting(runs, async () => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
    if (Math.random() < 0.1) throw new Error("at random");
    return undefined;
  });
  const producing = putAll(bench, 1, 40);
  const second = await bench.start("b", failing);
  const third = await bench.start("c", failing);
  await eventually(() => assert.ok(second.worker.counters.of("work").settled.done > 20, "b did little"));
  await third.worker.stop(5_000);
  await bench.start("d", failing);
  await eventually(() => assert.ok(second.worker.counters.of("work").settled.done > 60, "b did little"));
  await second.worker.stop(5_000);
  await producing;

  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs: 90_000 });
  assertInOrder(runs);
});

test("order holds, and nothing is lost or done twice, while workers are killed", async (t) => {
  const bench = await makeStreams(t);
  let child = await startOrderedProcess(t, bench.nats.url, "k0");
  await startOrderedProcess(t, bench.nats.url, "stays");

  for (const [kill, [from, to]] of [[1, 12] as const, [13, 25] as const].entries()) {
    const before = await bench.messages("OUT");
    const producing = putAll(bench, from, to);
    await eventually(async () => assert.ok((await bench.messages("OUT")) > before + 20, "no progress"));
    child.kill("SIGKILL");
    child = await startOrderedProcess(t, bench.nats.url, `k${kill + 1}`);
    await producing;
  }

  await assertAllDone(bench, 25);
  assertInOrder(await bySender(bench.connection, "RUNS"));
});

test("an owner that was frozen and comes back changes nothing: effects are there once, in order", async (t) => {
  const bench = await makeStreams(t);
  const frozen = await startOrderedProcess(t, bench.nats.url, "frozen");
  await eventually(async () => assert.ok((await bench.owners()).includes("frozen"), "it owns nothing"));
  await putAll(bench, 1, 10);
  await eventually(async () => assert.ok((await bench.messages("OUT")) > 10, "no progress"));

  frozen.kill("SIGSTOP");
  await startOrderedProcess(t, bench.nats.url, "other");
  await putAll(bench, 11, 20);
  await eventually(async () => assert.ok(!(await bench.owners()).includes("frozen"), "it still owns something"));
  frozen.kill("SIGCONT");
  await putAll(bench, 21, 25);

  await assertAllDone(bench, 25);
  assertInOrder(await bySender(bench.connection, "RUNS"));
});

test("after the server was killed and came back every partition has an owner and its order", async (t) => {
  const bench = await makeStreams(t);
  const runs = new Map<string, number[]>();
  await bench.start("b", noting(runs));
  await putAll(bench, 1, 5);

  await bench.nats.server.kill("SIGKILL");
  await bench.nats.server.restart();
  await putAll(bench, 6, 10);

  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs: 60_000 });
});

test("a consumer that somebody removed is made again, and what it had delivered runs again in order", async (t) => {
  const bench = await makeOrderBench(t);
  const runs = new Map<string, number[]>();
  let isOpen = false;
  const { events } = await bench.start(
    "a",
    noting(runs, async () => (isOpen ? undefined : retryAfter(20))),
  );
  await putAll(bench, 1, 3, ["n1"]);
  await eventually(() => assert.ok((runs.get("n1")?.length ?? 0) > 2, "no runs"));

  for (const { name } of await bench.jsm.consumers.list("IN").next()) await bench.jsm.consumers.delete("IN", name);
  await eventually(() => assert.ok(events.some((event) => event.type === "partition" && event.change === "restarted")));
  isOpen = true;

  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs: 40_000 });
  assertInOrder(runs);
});

test("a delivery that is lost on its way lets none of its successors pass", async (t) => {
  const bench = await makeOrderBench(t);
  const { a, sameAsA } = senders();
  const runs = new Map<string, number[]>();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const waiting = noting(runs, async () => {
    await gate;
    return undefined;
  });
  const { worker, events } = await bench.start("a", waiting, { job: "concurrency: 1" });
  await putAll(bench, 1, 1, [a, sameAsA]);
  await eventually(() => assert.equal(worker.held, 2)); // so many are wanted in hand: nothing is asked for now
  await putAll(bench, 2, 9, [a]);
  const [{ name = "" } = {}] = (await bench.jsm.consumers.list("IN").next()).filter(
    ({ delivered }) => delivered.consumer_seq > 0,
  );

  // Somebody else takes the next delivery, as a connection does that breaks.
  const stolen = await bench.connection.request(`$JS.API.CONSUMER.MSG.NEXT.IN.${name}`, "1", {
    timeout: 5_000,
    noMux: true,
  });
  assert.equal(stolen.string(), `${a} 2`);
  open();

  await eventually(async () => assert.equal(await bench.messages("IN"), 0), { timeoutMs: 40_000 });
  assert.ok(
    events.some((event) => event.type === "partition" && event.change === "restarted"),
    "it was not noticed",
  );
  assertInOrder(runs);
});

test("a drain takes the partitions nobody has, empties them, and leaves them free", async (t) => {
  const bench = await makeStreams(t);
  const runs = new Map<string, number[]>();
  const { worker, options } = await bench.start("b", noting(runs));
  await worker.stop(2_000);
  await putAll(bench, 1, 3);
  const opened = await OpenJobs.open({ ...options, worker: "drain" });
  t.after(() => opened.close());

  const { processed, left, reason } = await drainOnce(opened, { forMs: 30_000 });

  assert.deepEqual({ processed, left, reason }, { processed: 36, left: 0, reason: "empty" });
  assert.deepEqual(await bench.owners(), ["", "", "", ""]);
  assertInOrder(runs);
});

test("a drain leaves partitions that a worker has to it, and does not wait for what has to wait", async (t) => {
  const bench = await makeStreams(t);
  const held = handler(async (text) => (text.endsWith(" 1") ? retryAfter(3_600_000) : undefined));
  const { worker, options } = await bench.start("b", held);
  await eventually(async () => assert.deepEqual(await bench.owners(), ["b", "b", "b", "b"]));
  const opened = await OpenJobs.open({ ...options, worker: "drain" });
  t.after(() => opened.close());
  await bench.put("n1", 1);

  assert.equal((await drainOnce(opened, { forMs: 20_000 })).processed, 0);
  await worker.stop(2_000);
});

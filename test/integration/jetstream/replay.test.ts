import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { headers, RetentionPolicy } from "nats";
import { appendAudit } from "../../../shared/jetstream/audit.ts";
import { browse } from "../../../shared/jetstream/browse.ts";
import { makeChannel } from "../../../shared/jetstream/channel.ts";
import { copyToDeadLetters } from "../../../shared/jetstream/dead-letter.ts";
import { type DeadLetter, readDeadLetter } from "../../../shared/jetstream/dead-letters.ts";
import { removeStored } from "../../../shared/jetstream/remove.ts";
import { type ReplaySettings, replayDeadLetter } from "../../../shared/jetstream/replay.ts";
import { makeDeadHeaders } from "../../support/dead-letters.ts";
import { startNats } from "../../support/nats.ts";

/** Work queue JOBS (`jobs.>`) and the dead letters DEAD, with one letter in it unless told otherwise. */
async function setup(t: TestContext, changes: Record<string, string> = {}) {
  const nats = await startNats(t);
  const [jsm, connection] = await Promise.all([nats.jsm(), nats.connect()]);
  const js = connection.jetstream();
  await jsm.streams.add({ name: "JOBS", subjects: ["jobs.>"], retention: RetentionPolicy.Workqueue });
  await jsm.streams.add({ name: "DEAD", subjects: ["DEAD.>"] });
  const channel = makeChannel(connection, 5_000, () => performance.now());
  t.after(() => channel.replies.close());
  const settings: ReplaySettings = {
    deadLetters: { channel, stream: "DEAD" },
    target: ({ stream }) => (stream === "JOBS" ? Promise.resolve(channel) : null),
    dryRun: false,
    maxReplays: 3,
    force: false,
  };
  const letters = async (fromSequence = 1): Promise<DeadLetter[]> => {
    const found: DeadLetter[] = [];
    for await (const message of browse(connection, { stream: "DEAD", fromSequence }))
      found.push(readDeadLetter(message));
    return found;
  };
  const put = async (headersOfIt: Record<string, string>, body = "body") => {
    const given = headers();
    for (const [name, value] of Object.entries(headersOfIt)) given.append(name, value);
    return (await js.publish("DEAD.work", body, { headers: given })).seq;
  };
  await put(makeDeadHeaders(changes));
  const [letter] = await letters();
  assert.ok(letter);
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  return {
    jsm,
    js,
    channel,
    connection,
    letter,
    letters,
    put,
    counts: async () => [await messages("JOBS"), await messages("DEAD")],
    replay: (one: DeadLetter = letter, changed: Partial<ReplaySettings> = {}) =>
      replayDeadLetter(one, { ...settings, ...changed }),
  };
}

test("a replayed message is in its queue under a new id, and no dead letter any more", async (t) => {
  const { replay, counts, jsm } = await setup(t);

  const end = await replay();

  assert.deepEqual(end, { type: "replayed", id: "abc.r1", streamSequence: 1 });
  assert.deepEqual(await counts(), [1, 0]);
  const { subject, header, data } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.deepEqual([subject, Buffer.from(data).toString()], ["jobs.a", "body"]);
  assert.deepEqual(
    [...header.keys()].sort().map((name) => `${name}: ${header.get(name)}`),
    [
      "Choria-Sender: n1.example.net",
      "Job-Id: abc",
      "Job-Replays: 1",
      "Nats-Expected-Stream: JOBS",
      "Nats-Msg-Id: abc.r1",
    ],
  );
});

test("a message that is replayed inside the duplicate window of its own id is not swallowed", async (t) => {
  const { replay, counts, js } = await setup(t);
  await js.publish("jobs.a", "body", { msgID: "abc" }); // its first life

  assert.equal((await replay()).type, "replayed");

  assert.deepEqual(await counts(), [2, 0]);
});

test("a replay that was cut off before it removed the dead letter is recognised, and only removed", async (t) => {
  const { replay, counts, put, letters, letter } = await setup(t);
  await replay();
  await put(makeDeadHeaders()); // as if it had never been removed
  const [again] = await letters();
  assert.ok(again);
  assert.deepEqual({ ...again, sequence: letter.sequence }, letter);

  assert.deepEqual(await replay(again), { type: "resumed", id: "abc.r1", streamSequence: 1 });

  assert.deepEqual(await counts(), [1, 0]);
});

test("a duplicate that cannot be compared, or is another message, keeps its dead letter", async (t) => {
  const { replay, counts, put, letters, jsm } = await setup(t);
  await replay();
  await put(makeDeadHeaders(), "another body");
  const [other] = await letters();
  assert.deepEqual(await replay(other), { type: "duplicate", id: "abc.r1", streamSequence: 1 });

  await put(makeDeadHeaders());
  await jsm.streams.deleteMessage("JOBS", 1); // processed meanwhile
  const gone = (await letters()).at(-1);
  assert.deepEqual(await replay(gone), { type: "duplicate", id: "abc.r1", streamSequence: 1 });

  assert.deepEqual(await counts(), [0, 2]);
});

test("a message that dies again after its replay keeps who it is, and its next replay is the second", async (t) => {
  const { replay, js, channel, letters, counts } = await setup(t);
  await replay();
  const stored = await js.streams.get("JOBS").then((stream) => stream.getMessage({ seq: 1 }));
  await copyToDeadLetters(
    { channel, stream: "DEAD", subjectPrefix: "DEAD" },
    {
      delivery: {
        stream: "JOBS",
        streamSequence: stored.seq,
        subject: stored.subject,
        timestampMs: stored.time.getTime(),
        data: stored.data,
        header: (name) => stored.header.get(name),
        headers: () => [...stored.header].flatMap(([name, values]) => values.map((value) => [name, value] as const)),
      },
      death: {
        job: "work",
        handler: "store",
        reason: "TIMEOUT",
        detail: "",
        attempts: 10,
        firstRunAt: new Date("2026-11-24T09:00:00Z"),
        diedAt: new Date(),
      },
    },
  );
  const again = (await letters()).at(-1);
  assert.ok(again);
  assert.deepEqual([again.id, again.replays, again.firstRunAt], ["abc", 1, new Date("2026-11-24T09:00:00Z")]);

  assert.deepEqual(await replay(again), { type: "replayed", id: "abc.r2", streamSequence: 2 });
  assert.deepEqual(await counts(), [2, 0]);
});

test("what cannot be replayed stays where it is, each with its reason", async (t) => {
  const { replay, letter, counts } = await setup(t);

  const ends = [
    await replay({ ...letter, replays: 3 }),
    await replay({ ...letter, truncatedFrom: 9_000 }),
    await replay({ ...letter, stream: "ELSEWHERE" }),
    await replay({ ...letter, subject: "other.a" }),
    await replay(letter, { target: () => Promise.reject(new Error("no server answers there")) }),
  ];

  assert.deepEqual(
    ends.map(({ type }) => type),
    ["capped", "truncated", "unusable", "failed", "failed"],
  );
  assert.deepEqual(await counts(), [0, 1]);
});

test("a full queue fails the replay, and the dead letter stays until there is room", async (t) => {
  const { replay, counts, jsm, js } = await setup(t);
  const { config } = await jsm.streams.info("JOBS");
  await jsm.streams.update("JOBS", { ...config, max_msgs: 1, discard: "new" as typeof config.discard });
  await js.publish("jobs.a", "first");

  const end = await replay();

  assert.equal(end.type, "failed");
  assert.match(end.type === "failed" ? end.detail : "", /^full: /);
  assert.deepEqual(await counts(), [1, 1]);
  await jsm.streams.deleteMessage("JOBS", 1);
  assert.deepEqual(await replay(), { type: "replayed", id: "abc.r1", streamSequence: 2 });
});

test("a dry run says what it would do, and does nothing", async (t) => {
  const { replay, counts } = await setup(t);

  assert.deepEqual(await replay(undefined, { dryRun: true }), { type: "replayed", id: "abc.r1", streamSequence: 0 });

  assert.deepEqual(await counts(), [0, 1]);
});

test("reading goes on and comes to an end while what was read, and what was not, is removed", async (t) => {
  const { put, channel, connection } = await setup(t);
  for (let count = 2; count <= 600; count++) await put(makeDeadHeaders());

  const read: number[] = [];
  for await (const { sequence } of browse(connection, { stream: "DEAD", fromSequence: 1 })) {
    read.push(sequence);
    await removeStored(channel, "DEAD", sequence);
    if (sequence === 300) for (let gone = 550; gone <= 600; gone++) await removeStored(channel, "DEAD", gone);
  }

  assert.equal(new Set(read).size, read.length, "nothing twice");
  for (let sequence = 1; sequence < 550; sequence++) assert.equal(read[sequence - 1], sequence);
});

test("removing says whether it was there, and what went wrong", async (t) => {
  const { channel, jsm } = await setup(t);

  const removals = [await removeStored(channel, "DEAD", 1), await removeStored(channel, "DEAD", 1)];
  await jsm.streams.delete("DEAD");
  removals.push(await removeStored(channel, "DEAD", 1));

  assert.deepEqual(
    removals.map(({ type }) => type),
    ["removed", "missing", "failed"],
  );
});

test("an audit record is stored once, however often it is sent, and its loss is an error", async (t) => {
  const { channel, jsm } = await setup(t);
  await jsm.streams.add({ name: "AUDIT", subjects: ["AUDIT.>"] });
  const record = { action: "jobs.pause", by: "op@host", at: new Date(0), run: "r", part: 0, details: { job: "work" } };

  await appendAudit(channel, "AUDIT", record);
  await appendAudit(channel, "AUDIT", record);

  const { subject, data } = await jsm.streams.getMessage("AUDIT", { seq: 1 });
  assert.equal(subject, "AUDIT.jobs.pause");
  assert.deepEqual(JSON.parse(Buffer.from(data).toString()), {
    action: "jobs.pause",
    by: "op@host",
    at: "1970-01-01T00:00:00.000Z",
    run: "r",
    part: 0,
    job: "work",
  });
  assert.equal((await jsm.streams.info("AUDIT")).state.messages, 1);
  await jsm.streams.delete("AUDIT");
  await assert.rejects(appendAudit(channel, "AUDIT", record), /the audit stream "AUDIT" did not take a record/);
});

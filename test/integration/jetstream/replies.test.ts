import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ReplyInbox } from "../../../shared/jetstream/replies.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

async function setup(t: TestContext, timeoutMs = 5_000) {
  const connection = await (await startNats(t)).connect();
  const inbox = new ReplyInbox(connection, timeoutMs, () => performance.now());
  t.after(() => inbox.close());
  return { connection, inbox };
}

test("each reply reaches the one that waits for it, however many are awaited and in whatever order they come", async (t) => {
  const { connection, inbox } = await setup(t);
  const answers = new Map<number, string>();
  const subjects = Array.from({ length: 5_000 }, (_, index) =>
    inbox.expect((reply) => void answers.set(index, reply?.string() ?? "none")),
  );

  for (const [index, subject] of [...subjects.entries()].reverse()) connection.publish(subject, `answer ${index}`);

  await eventually(() => assert.equal(answers.size, 5_000));
  for (const [index, answer] of answers) assert.equal(answer, `answer ${index}`);
  assert.equal(inbox.pending, 0);
});

test("a request that is never answered is given up in time, and does not hold up those after it", async (t) => {
  const { connection, inbox } = await setup(t, 200);
  const answers: string[] = [];
  inbox.expect(() => void answers.push("lost"));

  for (let index = 0; index < 3_000; index++) {
    connection.publish(
      inbox.expect((reply) => void (reply !== null && answers.push("answered"))),
      "x",
    );
    if (index % 500 === 0) await connection.flush();
  }

  await eventually(() => assert.equal(answers.length, 3_001));
  assert.equal(answers.filter((answer) => answer === "lost").length, 1);
});

test("a reply that comes twice, late, or for a request taken back, calls nobody", async (t) => {
  const { connection, inbox } = await setup(t);
  const answers: (string | null)[] = [];
  const twice = inbox.expect((reply) => void answers.push(reply?.string() ?? null));
  const taken = inbox.expect(() => void answers.push("taken back"));
  inbox.forget(taken);

  for (const subject of [twice, twice, taken]) connection.publish(subject, "x");
  await connection.flush();
  await eventually(() => assert.deepEqual(answers, ["x"]));

  inbox.expect((reply) => void answers.push(reply === null ? "given up" : "answered"));
  inbox.abandon();
  assert.deepEqual(answers, ["x", "given up"]);
  assert.equal(inbox.pending, 0);
});

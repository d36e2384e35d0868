import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyQueue } from "../../../shared/jobs/key-queue.ts";

function makeQueue(...messages: readonly string[]): KeyQueue<string> {
  const queue = new KeyQueue<string>();
  for (const message of messages) queue.push(message.slice(0, 1), message);
  return queue;
}

function runnable(queue: KeyQueue<string>): string[] {
  const messages: string[] = [];
  for (let next = queue.next(); next !== null; next = queue.next()) messages.push(next.message);
  return messages;
}

test("of each key the oldest message may run, and no second one while it does", () => {
  const queue = makeQueue("a1", "b1", "a2", "c1", "b2");

  assert.deepEqual(runnable(queue), ["a1", "b1", "c1"]);
  assert.deepEqual([queue.size, queue.running, queue.blocked], [5, 3, 2]);
});

test("when a message has left, the next of its key may run", () => {
  const queue = makeQueue("a1", "a2", "b1");
  runnable(queue);

  queue.done("a");

  assert.deepEqual(runnable(queue), ["a2"]);
});

test("a message that has to run again holds its key until its time, and no other key", () => {
  const queue = makeQueue("a1", "a2", "b1", "b2");
  runnable(queue);

  queue.hold("a", 500);
  queue.done("b");
  queue.release(499);
  assert.deepEqual(runnable(queue), ["b2"]);
  assert.equal(queue.nextDueMs, 500);
  queue.release(500);

  assert.deepEqual(runnable(queue), ["a1"]);
  assert.equal(queue.nextDueMs, Number.POSITIVE_INFINITY);
});

test("what is cleared is everything that does not run", () => {
  const queue = makeQueue("a1", "a2", "b1", "c1");
  assert.equal(queue.next()?.message, "a1");
  assert.equal(queue.next()?.message, "b1");
  queue.hold("b", 100);

  assert.deepEqual(queue.clear(), ["a2", "b1", "c1"]);
  assert.deepEqual([queue.size, queue.running, queue.ready, queue.blocked], [1, 1, 0, 0]);
  queue.done("a");
  assert.equal(queue.size, 0);
});

test("ending what does not run is a mistake of the caller", () => {
  assert.throws(() => makeQueue("a1").done("a"), /no message of key "a" is running/);
});

type Step =
  | { readonly type: "push" | "next"; readonly key: number }
  | { readonly type: "done" | "hold" | "release"; readonly key: number };

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom("push", "push", "next", "next", "done", "hold", "release"),
  key: fc.nat(3),
});

test("whatever happens in whatever order, a key's messages leave in theirs, one at a time, and none is lost", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new KeyQueue<number>();
      const running = new Map<string, number>();
      const pushed = new Map<string, number>();
      const left = new Map<string, number>();
      let now = 0;
      const act = ({ type, key: number }: Step): void => {
        const key = String(number);
        now += 1;
        if (type === "push") {
          pushed.set(key, (pushed.get(key) ?? 0) + 1);
          queue.push(key, pushed.get(key) ?? 0);
        } else if (type === "next") {
          const next = queue.next();
          if (next === null) return;
          assert.ok(!running.has(next.key), "a second message of a running key");
          assert.equal(next.message, (left.get(next.key) ?? 0) + 1);
          running.set(next.key, next.message);
        } else if (type === "release") {
          queue.release(now);
        } else if (running.has(key)) {
          if (type === "done") left.set(key, running.get(key) ?? 0);
          running.delete(key);
          if (type === "done") queue.done(key);
          else queue.hold(key, now + 3);
        }
        const total = [...pushed].reduce((sum, [of, count]) => sum + count - (left.get(of) ?? 0), 0);
        assert.equal(queue.size, total);
        assert.equal(queue.running, running.size);
        assert.ok(queue.blocked >= 0, "less than nothing is blocked");
      };
      for (const one of steps) act(one);
      for (const key of running.keys()) queue.done(key);
      for (const [key, message] of running) left.set(key, message);
      for (queue.release(now + 3); ; ) {
        const next = queue.next();
        if (next === null) break;
        assert.equal(next.message, (left.get(next.key) ?? 0) + 1);
        left.set(next.key, next.message);
        queue.done(next.key);
      }
      assert.deepEqual([...left].sort(), [...pushed].sort());
    }),
    { numRuns: 1_000 },
  );
});

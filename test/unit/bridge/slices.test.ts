import assert from "node:assert/strict";
import { test } from "node:test";
import { Slices } from "../../../functions/bridge/slices.ts";
import { eventually } from "../../support/eventually.ts";

const MEBIBYTE = 1_048_576;
/** So long each piece of work takes here. */
const WORK_MS = 1;

/** Slices by a clock that only work moves, and how much of it was done in each. */
function setup() {
  let time = 0;
  const done: string[] = [];
  const slices = new Slices(() => time);
  const work = (name: string) => () => {
    time += WORK_MS;
    done.push(name);
  };
  /** How much is done whenever the event loop comes to what is not work. */
  const doneInTurn: number[] = [];
  const look = (): void => {
    doneInTurn.push(done.length);
    if (doneInTurn.length < 50) setImmediate(look);
  };
  return { slices, work, done, doneInTurn, startLooking: () => setImmediate(look) };
}

test("work is done in its order, and none of it at once", async () => {
  const { slices, work, done } = setup();
  const queue = slices.queue();

  for (const name of ["a", "b", "c"]) queue.add(work(name));

  assert.deepEqual(done, []);
  await eventually(() => assert.deepEqual(done, ["a", "b", "c"]));
});

test("an ingest with much to do leaves every second turn to another", async () => {
  const { slices, work, done } = setup();
  const [many, few] = [slices.queue(), slices.queue()];

  for (let n = 0; n < 30; n += 1) many.add(work("many"));
  for (let n = 0; n < 5; n += 1) few.add(work("few"));

  await eventually(() => assert.equal(done.length, 35));
  assert.equal(done.lastIndexOf("few") < 10, true, `the last of five was number ${done.lastIndexOf("few")}`);
});

test("the event loop gets its turn after 10 ms of work, and after 4 ms when much was read meanwhile", async () => {
  const { slices, work, done, doneInTurn, startLooking } = setup();
  const queue = slices.queue();
  for (let n = 0; n < 40; n += 1) queue.add(work("work"));
  startLooking();
  queue.read(MEBIBYTE);

  await eventually(() => assert.equal(done.length, 40));

  assert.deepEqual(doneInTurn.slice(0, 5), [4, 14, 24, 34, 40]);
});

test("a queue is long when what is added has to wait, whoever filled it", () => {
  const { slices, work } = setup();
  const [many, few] = [slices.queue(), slices.queue()];
  assert.equal(few.isLong(), false);

  for (let n = 0; n < 256; n += 1) many.add(work("work"));

  assert.equal(few.isLong(), true);
});

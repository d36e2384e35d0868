import assert from "node:assert/strict";
import { test } from "node:test";
import { Window } from "../../../shared/jetstream/window.ts";

/** Work that ends when told, and what is under way. */
function setup() {
  const open: (() => void)[] = [];
  const work = (): Promise<void> => new Promise((resolve) => open.push(resolve));
  return { open, work };
}

const turn = () => new Promise(setImmediate);

test("no more is under way than fits, by number and by weight", async () => {
  const { open, work } = setup();
  const window = new Window(3, 10);
  await window.run(6, work);
  const second = window.run(6, work);
  await turn();
  assert.equal(open.length, 1);

  open[0]?.();
  await second;
  await window.run(2, work);
  await window.run(2, work);
  const fifth = window.run(0, work);
  await turn();
  assert.equal(open.length, 4);

  for (const end of open.slice(1)) end();
  await fifth;
  open.at(-1)?.();
  await window.idle();
});

test("what is heavier than everything that fits runs alone", async () => {
  const { open, work } = setup();
  const window = new Window(3, 10);

  await window.run(100, work);

  assert.equal(open.length, 1);
});

test("after a failure nothing is started, and idle waits for the rest before it says so", async () => {
  const { open, work } = setup();
  const window = new Window(3, 10);
  await window.run(1, work);
  await window.run(1, () => Promise.reject(new Error("broken")));
  await turn();

  await assert.rejects(window.run(1, work), /broken/);
  const idle = window.idle();
  assert.equal(open.length, 1);
  open[0]?.();
  await assert.rejects(idle, /broken/);
});

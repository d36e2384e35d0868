import assert from "node:assert/strict";
import { test } from "node:test";
import { Warm } from "../../../shared/runtime/warm.ts";

/** Opens numbers; `fail` makes the next opening fail, `gone` those that do not outlive the freeze. */
function setup() {
  const state = { opened: 0, fail: false, gone: new Set<number>(), closed: [] as number[] };
  const warm = new Warm<number>({
    open: async () => {
      state.opened += 1;
      if (state.fail) throw new Error(`open ${state.opened}`);
      return state.opened;
    },
    thaw: async (opened) => !state.gone.has(opened),
    close: async (opened) => {
      state.closed.push(opened);
      throw new Error("it was gone");
    },
  });
  return { warm, state };
}

test("what was opened is used again while it outlives the freeze, and replaced when it does not", async () => {
  const { warm, state } = setup();
  assert.deepEqual([await warm.get(), await warm.get()], [1, 1]);

  state.gone.add(1);

  assert.deepEqual([await warm.get(), await warm.get()], [2, 2]);
  assert.deepEqual(state.closed, [1]);
});

test("a failure is told once and tried again by the next call", async () => {
  const { warm, state } = setup();
  state.fail = true;
  await assert.rejects(warm.get(), /open 1/);
  state.fail = false;

  assert.equal(await warm.get(), 2);
});

test("what begins early is there for the first call, its failure too", async () => {
  const { warm, state } = setup();
  warm.begin();
  assert.deepEqual([await warm.get(), state.opened], [1, 1]);

  const failing = setup();
  failing.state.fail = true;
  failing.warm.begin();
  await new Promise(setImmediate); // a rejection that nobody waits for would end the process here
  await assert.rejects(failing.warm.get(), /open 1/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cells } from "../../../shared/choria/cells.ts";

test("records come back as they were put, whatever was put and removed before and after them", () => {
  const record = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  const step = fc.record({ record, removed: fc.option(fc.nat()) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cells = new Cells();
      const kept: { place: number; record: Buffer }[] = [];
      for (const { record, removed } of steps) {
        kept.push({ place: cells.put(record), record });
        const [gone] = removed === null ? [] : kept.splice(removed % kept.length, 1);
        if (gone !== undefined) cells.remove(gone.place);
        for (const { place, record } of kept) assert.deepEqual(cells.read(place), record);
      }
    }),
    { numRuns: 200 },
  );
});

test("the beginning of a record is read without the rest", () => {
  const cells = new Cells();
  const place = cells.put(Buffer.from("0123456789".repeat(20)));

  assert.equal(cells.beginning(place, 32), "0123456789".repeat(4).slice(0, 32));
});

test("what is removed makes room for what comes: memory does not grow by it", () => {
  const cells = new Cells();
  const before = process.memoryUsage().arrayBuffers;
  for (let time = 0; time < 20_000; time += 1) cells.remove(cells.put(Buffer.alloc(360, time)));

  assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000);
  assert.equal(cells.put(Buffer.alloc(10)) < 20, true, "a cell that was used before");
});

test("records span chunks", () => {
  const cells = new Cells();
  const records = Array.from({ length: 9_000 }, (_, number) => Buffer.alloc(150, number));
  const places = records.map((record) => cells.put(record));

  assert.deepEqual(
    places.map((place) => cells.read(place)),
    records,
  );
});

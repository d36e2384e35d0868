import assert from "node:assert/strict";
import { test } from "node:test";
import { Details } from "../../../functions/replay/report.ts";
import { readDeadLetter } from "../../../shared/jetstream/dead-letters.ts";
import { makeDeadHeaders, makeStored } from "../../support/dead-letters.ts";

/** The platform's limit for an answer. */
const MOST_ANSWER_BYTES = 6 * 1_024 * 1_024;

/** `é` is two bytes of JSON: what counts is bytes, not characters. */
const letterOf = (characters: number) =>
  readDeadLetter(makeStored(makeDeadHeaders({ "Dead-Error": "é".repeat(characters) })));
const UNDONE = { type: "failed", done: false, told: "not replayed" };
const DONE = { type: "replayed", done: true, told: "replayed" };

test("details say when they are nearly full, and what is under way then still finds room", () => {
  let full = 0;
  const details = new Details({ details: "all", mostDetails: 1_000 }, () => {
    full += 1;
  });
  const letter = letterOf(50_000);

  while (full === 0) details.add(letter, DONE);
  const before = details.named.length;
  for (let number = 0; number < 15; number++) details.add(letter, DONE);

  assert.deepEqual([details.named.length, details.omitted], [before + 15, 0]);
});

test("whatever comes, details stay below what the platform carries; what has no room is counted", () => {
  const details = new Details({ details: "undone", mostDetails: 100_000 }, () => {});
  const letter = letterOf(50_000);

  for (let number = 0; number < 200; number++) details.add(letter, number % 2 === 0 ? UNDONE : DONE);

  assert.equal(details.named.length + details.omitted, 100, "those that are done are not named");
  assert.ok(details.omitted > 0);
  assert.ok(Buffer.byteLength(JSON.stringify(details.named)) < MOST_ANSWER_BYTES);
});

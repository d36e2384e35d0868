import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { defineHandler, type JobContext, type JobHandler, type JobMessage } from "../../../shared/jobs/handler.ts";

const schema = z.strictObject({ host: z.string(), facts: z.record(z.string(), z.number()) });
const makeMessage = <T>(data: T) => ({ data, id: "1" }) as JobMessage<T>;
const context = {} as JobContext;

/** What a handler reads in a body; typed loosely, as a worker hands it over. */
async function dataIn(handler: JobHandler, body: Uint8Array): Promise<never> {
  const read = await handler.read(body);
  assert.equal(read.ok, true);
  return (read as unknown as { data: never }).data;
}

test("a handler that returns nothing is done", async () => {
  const handler = defineHandler({ name: "quiet", input: "bytes", run: async () => {} });

  assert.deepEqual(await handler.run(makeMessage(new Uint8Array()), context), { type: "done" });
});

test("bytes are handed over exactly as stored, even when they are no JSON", async () => {
  const seen: Uint8Array[] = [];
  const body = new Uint8Array([0xff, 0x00, 0x7b]);
  const handler = defineHandler({
    name: "raw",
    input: "bytes",
    run: async (message) => {
      seen.push(message.data);
    },
  });

  await handler.run(makeMessage(await dataIn(handler, body)), context);

  assert.equal(seen[0], body);
});

test("a valid document arrives parsed and typed", async () => {
  const seen: string[] = [];
  const handler = defineHandler({
    name: "typed",
    input: schema,
    run: async (message) => {
      seen.push(message.data.host);
    },
  });

  await handler.run(makeMessage(await dataIn(handler, Buffer.from('{"host":"a","facts":{"cpus":2}}'))), context);

  assert.deepEqual(seen, ["a"]);
});

const invalid: readonly (readonly [string, Uint8Array, RegExp, string])[] = [
  ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /not UTF-8/, ""],
  ["text that is not JSON, without quoting it", Buffer.from("{secret"), /^not JSON$/, ""],
  ["an empty body", new Uint8Array(), /not JSON/, ""],
  ["a document with a wrong type, by path", Buffer.from('{"host":"a","facts":{"cpus":"2"}}'), /number/, "facts.cpus"],
];

for (const [name, body, problem, path] of invalid) {
  test(`input that does not fit is reported, not thrown: ${name}`, async () => {
    const handler = defineHandler({ name: "typed", input: schema, run: async () => {} });

    const read = await handler.read(body);

    assert.equal(read.ok, false);
    if (read.ok) return;
    assert.match(read.issues[0]?.problem ?? "", problem);
    assert.equal(read.issues[0]?.path, path);
  });
}

test("a schema that throws makes the input invalid instead of crashing the worker", () => {
  const input = z.unknown().transform(() => {
    throw new Error("bad schema");
  });
  const handler = defineHandler({ name: "broken", input, run: async () => {} });

  const read = handler.read(Buffer.from("1"));

  assert.deepEqual(read, { ok: false, issues: [{ path: "", problem: "the schema failed: bad schema" }] });
});

test("a definition that cannot work is refused when it is made", () => {
  assert.throws(() => defineHandler({ name: "", input: "bytes", run: async () => {} }), RangeError);
  assert.throws(() => defineHandler({ name: "a b", input: "bytes", run: async () => {} }), RangeError);
  assert.throws(() => defineHandler({ name: "a", input: "bytes", timeoutMs: 0, run: async () => {} }), RangeError);
});

const run = async () => {};
const untyped: readonly (readonly [string, object, RegExp])[] = [
  ["no name", { input: "bytes", run }, /no text/],
  ["no run", { name: "a", input: "bytes" }, /run is no function/],
  ["no input", { name: "a", run }, /neither "bytes" nor a zod schema/],
  ["a word that is no kind of input", { name: "a", input: "json", run }, /neither "bytes" nor a zod schema/],
  ["an output that is no schema", { name: "a", input: "bytes", output: {}, run }, /output is no zod schema/],
  ["half a retry policy", { name: "a", input: "bytes", retry: { policy: "fixed" }, run }, /retry needs/],
];

for (const [what, definition, problem] of untyped) {
  test(`what a compiler would refuse is refused when the handler is made: ${what}`, () => {
    assert.throws(() => defineHandler(definition as Parameters<typeof defineHandler>[0]), problem);
  });
}

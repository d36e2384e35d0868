import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { checkOf, issuesText, readDocument, writeDocument } from "../../../shared/jobs/document.ts";

const isKnown = async (host: string) => host === "known";

test("a schema without asynchronous parts answers at once", () => {
  const read = readDocument(Buffer.from("1"), checkOf(z.number()));

  assert.deepEqual(read, { ok: true, data: 1 });
});

test("a schema with an asynchronous refinement is waited for, from the first value on", async () => {
  const check = checkOf(z.object({ host: z.string().refine(isKnown, "unknown host") }));

  for (const host of ["known", "known"]) assert.deepEqual(await check({ host }), { ok: true, data: { host } });
  assert.deepEqual(await check({ host: "x" }), { ok: false, issues: [{ path: "host", problem: "unknown host" }] });
});

const unavailable = async (): Promise<boolean> => {
  throw new Error("no answer");
};
const rejecting: readonly (readonly [string, z.ZodType, unknown])[] = [
  ["a refinement", z.string().refine(unavailable), "x"],
  ["a refinement inside an object", z.object({ a: z.array(z.string().refine(unavailable)) }), { a: ["x"] }],
  ["a refinement inside a union", z.union([z.number(), z.string().refine(unavailable)]), "x"],
  ["a transformation", z.string().transform(unavailable), "x"],
  ["a refinement of an optional", z.object({ a: z.string().refine(unavailable).optional() }), { a: "x" }],
];

for (const [name, schema, value] of rejecting) {
  test(`a check that rejects makes the first value invalid, and nothing is left to end the process: ${name}`, async (t) => {
    const unhandled = t.mock.fn();
    process.on("unhandledRejection", unhandled);
    t.after(() => process.off("unhandledRejection", unhandled));

    const result = await checkOf(schema)(value);
    await new Promise(setImmediate);

    assert.deepEqual(result, { ok: false, issues: [{ path: "", problem: "the schema failed: no answer" }] });
    assert.equal(unhandled.mock.callCount(), 0);
  });
}

test("a recursive schema is looked through once", () => {
  const tree = z.object({
    get children() {
      return z.array(tree);
    },
  });

  assert.deepEqual(checkOf(tree)({ children: [{ children: [] }] }), {
    ok: true,
    data: { children: [{ children: [] }] },
  });
});

test("a schema that fails asynchronously makes the value invalid instead of crashing the worker", async () => {
  const check = checkOf(z.string().refine(isKnown).transform(fail));

  assert.deepEqual(await check("known"), {
    ok: false,
    issues: [{ path: "", problem: "the schema failed: no answer" }],
  });
});

async function fail(): Promise<string> {
  throw new Error("no answer");
}

const circle: Record<string, unknown> = {};
circle.self = circle;

const unwritable: readonly (readonly [string, unknown, RegExp])[] = [
  ["undefined", undefined, /^not JSON$/],
  ["a function", () => 1, /^not JSON$/],
  ["a bigint", 1n, /cannot be written as JSON/],
  ["a circle, in one line", circle, /^cannot be written as JSON: [^\n]+$/],
];

for (const [name, data, problem] of unwritable) {
  test(`data that is no JSON is reported, not thrown: ${name}`, async () => {
    const written = await writeDocument(data, null);

    assert.equal(written.ok, false);
    if (!written.ok) assert.match(issuesText(written.issues), problem);
  });
}

test("what a schema makes of an output is what is written", async () => {
  const written = await writeDocument({ a: "1", extra: 2 }, checkOf(z.object({ a: z.coerce.number() })));

  assert.deepEqual(written, { ok: true, body: Buffer.from('{"a":1}') });
});

test("issues are told in one line, the first ten of them", () => {
  const issues = Array.from({ length: 12 }, (_, index) => ({ path: `a.${index}`, problem: "wrong" }));

  assert.match(issuesText(issues), /^a\.0: wrong; .*a\.9: wrong; and 2 more$/);
});

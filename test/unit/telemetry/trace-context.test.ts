import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTraceParent } from "@opentelemetry/core";
import fc from "fast-check";
import { carriedTrace, withTrace } from "../../../shared/telemetry/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const VALID = `00-${TRACE}-${SPAN}-01`;

const carriedState = (tracestate: string) =>
  carriedTrace([
    ["traceparent", VALID],
    ["tracestate", tracestate],
  ])[1]?.[1] ?? "";

test("a valid trace is carried unchanged, whatever the case of its headers' names, and nothing else with it", () => {
  const headers = [
    ["Nats-Rollup", "all"],
    ["Traceparent", VALID],
    ["TRACESTATE", "congo=t61rcWkgMzE, rojo@vendor=00f067aa0ba902b7"],
    ["baggage", "user=root"],
  ] as const;

  assert.deepEqual(carriedTrace(headers), [
    ["traceparent", VALID],
    ["tracestate", "congo=t61rcWkgMzE, rojo@vendor=00f067aa0ba902b7"],
  ]);
  assert.deepEqual(carriedTrace([]), []);
});

for (const [what, value] of [
  ["version ff", `ff-${TRACE}-${SPAN}-01`],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
  ["a span id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["capitals", VALID.toUpperCase()],
  ["a short trace id", `00-${TRACE.slice(1)}-${SPAN}-01`],
  ["a fifth field", `${VALID}-extra`],
  ["a fifth field of a later version", `01-${TRACE}-${SPAN}-01-${"x".repeat(1_000)}`],
  ["no flags", `00-${TRACE}-${SPAN}`],
  ["a line break", `${VALID}\nNats-Rollup: all`],
  ["a line break at the end", `${VALID}\n`],
  ["spaces", ` ${VALID}`],
  ["other digits", VALID.replace("0", "٠")],
  ["nothing", ""],
] as const) {
  test(`a traceparent with ${what} is left out, and its tracestate too`, () => {
    assert.deepEqual(
      carriedTrace([
        ["traceparent", value],
        ["tracestate", "a=1"],
      ]),
      [],
    );
  });
}

test("whatever is carried, OpenTelemetry's own reader accepts", () => {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
  const version = fc.constantFrom("00", "01", "fe", "ff");
  fc.assert(
    fc.property(version, hex(32), hex(16), hex(2), (...fields) => {
      const traceparent = fields.join("-");
      const [carried] = carriedTrace([["traceparent", traceparent]]);

      assert.equal(carried !== undefined, parseTraceParent(traceparent) !== null);
    }),
  );
});

test("two traceparents are none", () => {
  assert.deepEqual(
    carriedTrace([
      ["traceparent", VALID],
      ["Traceparent", VALID],
    ]),
    [],
  );
});

for (const [what, value] of [
  ["no value", "a="],
  ["no key", "=1"],
  ["capitals in a key", "A=1"],
  ["a key twice", "a=1,a=2"],
  ["an empty member", "a=1,,b=2"],
  ["too many members", Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(",")],
  ["too many characters", `a=${"x".repeat(256)},b=${"x".repeat(256)}`],
  ["a value that is too long", `a=${"x".repeat(257)}`],
  ["a second equals sign", "a=1=2"],
  ["a line break", "a=1\r\nNats-Rollup: all"],
  ["a control character", "a=\u0000"],
  ["other letters", "a=é"],
] as const) {
  test(`a tracestate with ${what} is left out, and its traceparent stays`, () => {
    assert.equal(carriedState(value), "");
    assert.equal(carriedState("a=1"), "a=1");
  });
}

test("whatever the headers hold, what is carried is short and of known form", () => {
  const name = fc.constantFrom("traceparent", "Traceparent", "tracestate", "x");
  const part = fc.constantFrom(VALID, "a=1", ",", "=", "-", "00", "\n", " ", TRACE);
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(part).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (headers) => {
      const carried = carriedTrace(headers);
      assert.ok(carried.length <= 2, "more than two headers");
      for (const [key, text] of carried) {
        assert.match(key, /^trace(parent|state)$/);
        assert.match(text, /^[\x20-\x7e]{3,512}$/);
      }
    }),
  );
});

test("a trace that is named in the headers already stays", () => {
  const own = [["Traceparent", "own"]] as const;

  assert.equal(withTrace(own, [["traceparent", VALID]]), own);
  assert.deepEqual(withTrace([["a", "b"]], [["traceparent", VALID]]), [
    ["a", "b"],
    ["traceparent", VALID],
  ]);
});

import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isValidSubject, subjectCovers } from "../../../shared/subjects/overlap.ts";
import { partitionOf } from "../../../shared/subjects/partition.ts";
import { compileTemplate, type SubjectFacts, TemplateError } from "../../../shared/subjects/template.ts";
import { decodeToken, encodeToken } from "../../../shared/subjects/token.ts";

function makeFacts(overrides: Partial<SubjectFacts> = {}): SubjectFacts {
  return {
    sender: "web1.example.net",
    collective: "mcollective",
    agent: "registration",
    caller: "choria=bob.mcollective",
    ...overrides,
  };
}

for (const [template, filter, subject] of [
  ["choria.reg.{sender}", "choria.reg.>", "choria.reg.web1.example.net"],
  ["js.in.%s", "js.in.>", "js.in.web1.example.net"],
  ["choria.{sender}.reg", "choria.*.reg", "choria.web1%2Eexample%2Enet.reg"],
  ["choria.host-{sender}", "choria.*", "choria.host-web1%2Eexample%2Enet"],
  ["{collective}.out.{agent}", "*.out.>", "mcollective.out.registration"],
  ["choria.{caller}", "choria.*", "choria.choria=bob%2Emcollective"],
  ["choria.{partition:16}.{sender}", "choria.*.>", `choria.${partitionOf("web1.example.net", 16)}.web1.example.net`],
  ["choria.fixed", "choria.fixed", "choria.fixed"],
] as const) {
  test(`${template} is stored under ${filter}`, () => {
    const compiled = compileTemplate(template);

    assert.equal(compiled.filter, filter);
    assert.equal(compiled.render(makeFacts()), subject);
  });
}

test("a template says which facts can be read from its subjects", () => {
  assert.equal(compileTemplate("a.%s").usesSender, true);
  assert.equal(compileTemplate("a.{partition:4}").usesSender, false);
  assert.deepEqual([...compileTemplate("a.{caller}.{agent}").uses], ["caller", "agent"]);
});

for (const [template, problem] of [
  ["choria.{node}", /unknown placeholder \{node\}/],
  ["choria.{}", /unknown placeholder \{\}/],
  ["choria.{partition}", /needs a number/],
  ["choria.{partition:0}", /needs a number/],
  ["choria.{partition:x}", /needs a number/],
  ["choria.*.{sender}", /no wildcards/],
  ["choria.>", /no wildcards/],
  ["choria..{sender}", /not a valid NATS subject/],
  ["choria. {sender}", /not a valid NATS subject/],
  ["", /not a valid NATS subject/],
  ["choria.{sender", /stray/],
  ["choria.%d", /stray/],
  ["{sender}", /which NATS itself uses/],
  ["$JS.x.{sender}", /which NATS itself uses/],
] as const) {
  test(`${JSON.stringify(template)} is refused with a way out`, () => {
    assert.throws(
      () => compileTemplate(template),
      (error) => error instanceof TemplateError && problem.test(error.problem) && error.fix !== "",
    );
  });
}

const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "*", ">", "a..b", ".", "a b", "ü.x", "%2E"),
);

test("whatever the facts hold, the subject is valid and belongs to the stream", () => {
  const templates = [
    "x.{sender}",
    "x.{caller}.{agent}",
    "{collective}.x.{sender}.y",
    "x.{partition:7}.h-{agent}.{collective}",
  ];
  const compiled = templates.map(compileTemplate);
  fc.assert(
    fc.property(anything, anything, anything, anything, (sender, collective, agent, caller) => {
      for (const template of compiled) {
        const subject = template.render({ sender, collective, agent, caller });
        assert.ok(isValidSubject(subject) && !/[*>]/.test(subject), subject);
        assert.ok(subjectCovers(template.filter, subject), subject);
      }
    }),
  );
});

test("an encoded value is one token and decodes to itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      const token = encodeToken(value);
      assert.match(token, /^[A-Za-z0-9_=@%-]+$/);
      assert.equal(decodeToken(token), value);
    }),
  );
});

for (const token of ["%zz", "%2e", "a.b", "a%", "%FF", "%41", "", "ü"]) {
  test(`${JSON.stringify(token)} was never encoded by us`, () => {
    assert.equal(decodeToken(token), null);
  });
}

test("partitions are FNV-1a, so that other programs can compute them", () => {
  assert.equal(partitionOf("", 4_294_967_296), 0x811c9dc5);
  assert.equal(partitionOf("a", 4_294_967_296), 0xe40c292c);
  assert.equal(partitionOf("foobar", 4_294_967_296), 0xbf9cf968);
  assert.equal(partitionOf("ü", 4_294_967_296), fnvOfBytes(Buffer.from("ü")));
});

function fnvOfBytes(bytes: Uint8Array): number {
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeWith } from "../../fuzz/cost.ts";
import { Fuzzer, type JudgeUnderTest } from "../../fuzz/fuzz.ts";

test("the judge keeps its rules over mutated messages of both protocols and every kind", async () => {
  const fuzzer = await Fuzzer.open();

  const failure = await fuzzer.run(1_000, 1);

  assert.equal(failure, null, failure?.report);
  for (const name of ["registration/signature", "reply/hash", "event/none", "raw/none"]) {
    assert.ok(fuzzer.tally.verdicts.has(`accepted ${name}`), `none accepted as ${name}`);
  }
});

/** Judges that are wrong, each in one way that the fuzzer is there to find. */
const WRONG: Readonly<Record<string, readonly [judge: JudgeUnderTest, violation: RegExp]>> = {
  "takes what was changed for what was sent": [
    ({ specimen }, judged) => judgeWith(specimen.trust, { ...judged, data: specimen.data, kind: specimen.kind }),
    /is not what was signed|the id is not that|nobody has signed|cannot be read/,
  ],
  "stores another sender than the one who signed": [
    async ({ specimen }, judged) => {
      const verdict = await judgeWith(specimen.trust, judged);
      return verdict.ok ? { ok: true, message: { ...verdict.message, sender: "node2.example.net" } } : verdict;
    },
    /sender is not what was signed/,
  ],
  "takes a hash for a signature": [
    async ({ specimen }, judged) => {
      const verdict = await judgeWith(specimen.trust, judged);
      const isHash = verdict.ok && verdict.message.proof === "hash";
      return isHash ? { ok: true, message: { ...verdict.message, senderProof: "signature" } } : verdict;
    },
    /proven by less than a signature/,
  ],
  "answers with a code that is not listed": [
    async () => ({ ok: false, rejection: { code: "no" as "denied", detail: "" } }),
    /code no is not listed/,
  ],
};

for (const [name, [judge, violation]] of Object.entries(WRONG)) {
  test(`a judge that ${name} is found out`, async () => {
    const fuzzer = await Fuzzer.open(judge);

    const failure = await fuzzer.run(2_000, 1);

    assert.match(failure?.report ?? "nothing found", violation);
    assert.match(failure?.report ?? "", /seed: 1/);
  });
}

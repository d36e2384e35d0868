import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { pino } from "pino";
import { TrustInForce } from "../../../../functions/bridge/trust/in-force.ts";
import { TrustWatch } from "../../../../functions/bridge/trust/watch.ts";
import {
  caExtension,
  issue,
  issueLargeList,
  type LargeListRecipe,
  makePair,
  type Pair,
} from "../../../support/certificates.ts";
import { eventually } from "../../../support/eventually.ts";
import { makeFolder } from "../../../support/folder.ts";
import { makeTrustSettings } from "../../../support/vectors.ts";

let first: Pair;
let second: Pair;
let cas: Record<"First" | "Second", string>;

before(async () => {
  [first, second] = await Promise.all([makePair(), makePair()]);
  const [one, two] = await Promise.all([issueCa("First", first), issueCa("Second", second)]);
  cas = { First: one, Second: two };
});

const issueCa = (name: string, pair: Pair) =>
  issue({ subject: `CN=${name}`, holder: pair, issuer: `CN=${name}`, signer: pair, extensions: [caExtension()] });
const listOf = (changes: Partial<LargeListRecipe> = {}) =>
  issueLargeList({
    ...{ issuer: "First", signer: first, serials: [0x0a], number: 5, thisUpdate: "260105000000Z" },
    nextUpdate: "270101000000Z",
    ...changes,
  });
const listOfSecond = () => listOf({ issuer: "Second", signer: second });

const settingsOf = (crlPem: string, ca: readonly string[] = Object.values(cas)) =>
  makeTrustSettings({ v1: { caPem: ca.join("\n"), crlPem } });

function setup(crlPem: string) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const inForce = new TrustInForce(settingsOf(crlPem), log);
  lines.length = 0;
  return { inForce, lines };
}

const inForceNumbers = ({ trust }: TrustInForce) => trust.v1?.anchors.revocationLists.map(({ number }) => number);

const older: readonly [what: string, next: () => string, says: RegExp][] = [
  [
    "a lower number",
    () => listOf({ number: 4, thisUpdate: "260106000000Z" }),
    /"CN=First" is number 0x0?4 of 2026-01-06/,
  ],
  [
    "an earlier update",
    () => listOf({ thisUpdate: "260104000000Z" }),
    /of 2026-01-04T.*in force is number 0x5 of 2026-01-05/,
  ],
  ["a higher number and an earlier update", () => listOf({ number: 6, thisUpdate: "260104000000Z" }), /of 2026-01-04/],
];

for (const [what, next, says] of older) {
  for (const cause of ["a trust file changed", "SIGHUP"] as const) {
    test(`a list with ${what} does not take the place of the one in force, and the log says so (${cause})`, () => {
      const { inForce, lines } = setup(listOf());
      const { trust } = inForce;

      assert.equal(
        inForce.reload(() => settingsOf(next()), cause),
        "refused",
      );

      assert.equal(inForce.trust, trust);
      assert.equal(inForce.isRefused, true);
      assert.deepEqual(
        lines.map(({ msg }) => msg),
        ["trust could not be read again; the old one stays"],
      );
      assert.match(JSON.stringify(lines[0]?.["err"]).replaceAll("\\", ""), says);
      assert.match(JSON.stringify(lines[0]?.["err"]), /TRUST_OLD_CRL/);
    });
  }
}

const taken: readonly [what: string, next: () => string, numbers: readonly string[]][] = [
  ["a newer list", () => listOf({ number: 6, thisUpdate: "260106000000Z" }), ["6"]],
  ["a newer list beside the old one", () => listOf() + listOf({ number: 6, thisUpdate: "260106000000Z" }), ["5", "6"]],
  ["the list of another CA beside it", () => listOf() + listOfSecond(), ["5", "5"]],
  ["no list any more, by the configuration", () => "", []],
];

for (const [what, next, numbers] of taken) {
  test(`what revokes no less is taken: ${what}`, () => {
    const { inForce } = setup(listOf());
    assert.equal(
      inForce.reload(() => settingsOf(next()), "SIGHUP"),
      "changed",
    );
    assert.deepEqual(inForceNumbers(inForce), numbers);
  });
}

test("a list that is gone while its CA is trusted is refused, and taken when its CA goes as well", () => {
  const { inForce, lines } = setup(listOf() + listOfSecond());

  assert.equal(
    inForce.reload(() => settingsOf(listOf()), "a trust file changed"),
    "refused",
  );
  assert.match(JSON.stringify(lines), /CN=Second.* is gone/);
  assert.deepEqual(inForceNumbers(inForce), ["5", "5"]);

  assert.equal(
    inForce.reload(() => settingsOf(listOf(), [cas.First]), "a trust file changed"),
    "changed",
  );
});

test("a list of a CA that is not trusted is refused, and the old list stays", () => {
  const { inForce, lines } = setup(listOf());

  const result = inForce.reload(() => settingsOf(listOf() + listOfSecond(), [cas.First]), "a trust file changed");

  assert.equal(result, "refused");
  assert.deepEqual(inForceNumbers(inForce), ["5"]);
  assert.match(JSON.stringify(lines), /TRUST_FOREIGN_CRL/);
});

test("a file with two lists that is cut anywhere keeps both of them in force", () => {
  const { inForce } = setup(listOf() + listOfSecond());
  const next = listOf({ number: 6 }) + listOf({ issuer: "Second", signer: second, number: 6 });
  const whole = next.trimEnd().length;
  // Every place would take a while: those around the blocks' borders, and some between.
  const border = next.indexOf("-----BEGIN", 1);
  const places = Array.from({ length: next.length }, (_, at) => at).filter(
    (at) => at > 0 && at < whole && (at % 97 === 0 || Math.abs(at - border) < 30 || at < 30 || at > whole - 30),
  );
  for (const at of places) {
    assert.equal(
      inForce.reload(() => settingsOf(next.slice(0, at)), "a trust file changed"),
      "refused",
      `${at}`,
    );
    assert.deepEqual(inForceNumbers(inForce), ["5", "5"]);
  }
  assert.equal(
    inForce.reload(() => settingsOf(next), "a trust file changed"),
    "changed",
  );
});

test("a file that rests half-written is told of and keeps the old list; when it is complete it is taken by itself", async (t: TestContext) => {
  const file = join(await makeFolder(t), "crl.pem");
  await writeFile(file, listOf());
  const { inForce, lines } = setup(listOf());
  const onChange = () => void inForce.reload(() => settingsOf(readFileSync(file, "utf8")), "a trust file changed");
  const watch = new TrustWatch({ paths: () => [file], onChange, everyMs: 10 });
  t.after(() => watch.stop());
  const next = listOf({ number: 6, serials: [0x0a, 0x0b] });

  await writeFile(file, next.slice(0, next.length / 2));
  await eventually(() => assert.equal(inForce.isRefused, true));
  assert.deepEqual(inForceNumbers(inForce), ["5"]);
  assert.match(JSON.stringify(lines), /holds no revocation list in PEM form, or a broken one/);

  await writeFile(file, next);
  await eventually(() => assert.deepEqual(inForceNumbers(inForce), ["6"]));
  assert.equal(inForce.isRefused, false);
});

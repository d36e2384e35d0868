import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { TrustInForce } from "../../../../functions/bridge/trust/in-force.ts";
import { NOBODY } from "../../../../shared/choria/rules/deny.ts";
import { makeTrustSettings } from "../../../support/vectors.ts";

function setup() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const inForce = new TrustInForce(makeTrustSettings(), log);
  lines.length = 0;
  return { inForce, lines };
}

const denying = (identity: string) => makeTrustSettings({ deny: { ...NOBODY, identities: [identity] } });
const broken = makeTrustSettings({ v1: { caPem: "none" } });

test("a change is taken, and audited in one line with its cause, both digests and what changed", () => {
  const { inForce, lines } = setup();
  const before = inForce.trust;

  const result = inForce.reload(() => denying("web1"), "a trust file changed");

  assert.equal(result, "changed");
  assert.notEqual(inForce.trust, before);
  assert.equal(lines.length, 1);
  const [line = {}] = lines;
  assert.equal(line["cause"], "a trust file changed");
  assert.match(String(line["digest"]), /^[0-9a-f]{64}$/);
  assert.match(String(line["was"]), /^[0-9a-f]{64}$/);
  assert.deepEqual(line["changes"], { "deny.identities": { added: 1, removed: 0, entries: ["+ web1"] } });
  assert.deepEqual(inForce.counters, { changes: 1, refusals: 0 });
});

test("trust that is the same keeps what has been proven; only an operator who asked is told", () => {
  const { inForce, lines } = setup();
  const before = inForce.trust;

  const results = [
    inForce.reload(() => makeTrustSettings(), "a trust file changed"),
    inForce.reload(() => makeTrustSettings(), "SIGHUP"),
  ];

  assert.deepEqual(results, ["unchanged", "unchanged"]);
  assert.equal(inForce.trust, before);
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ["trust was read again; nothing has changed"],
  );
});

const failures: readonly [what: string, read: () => ReturnType<typeof makeTrustSettings>, reason: RegExp][] = [
  ["cannot be used", () => broken, /trust\.v1\.ca/],
  [
    "cannot be read",
    () => {
      throw new Error("there is no such file");
    },
    /no such file/,
  ],
];

for (const [what, read, reason] of failures) {
  test(`trust that ${what} is refused with its reason; the old one stays until it is mended`, () => {
    const { inForce, lines } = setup();
    const before = inForce.trust;

    assert.equal(inForce.reload(read, "a trust file changed"), "refused");

    assert.equal(inForce.trust, before);
    assert.deepEqual([inForce.isRefused, inForce.warnings.length, inForce.counters.refusals], [true, 1, 1]);
    assert.match(JSON.stringify(lines), reason);
    assert.equal(
      inForce.reload(() => makeTrustSettings(), "a trust file changed"),
      "unchanged",
    );
    assert.deepEqual([inForce.isRefused, inForce.warnings.length], [false, 0]);
    assert.equal(lines.at(-1)?.["msg"], "trust was read again; nothing has changed");
  });
}

test("a section that was refused stays refused when only files are read again", () => {
  const { inForce } = setup();

  inForce.reload(() => broken, "SIGHUP");
  inForce.reload(() => makeTrustSettings(), "a trust file changed");
  assert.equal(inForce.isRefused, true);

  inForce.reload(() => makeTrustSettings(), "SIGHUP");
  assert.equal(inForce.isRefused, false);
});

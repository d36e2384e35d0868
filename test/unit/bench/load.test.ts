import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensureLoad, GZIPPED_BYTES, readLoad } from "../../../bench/load.ts";
import { adapterOutput } from "../../../shared/choria/output.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";

const folder = mkdtempSync(join(tmpdir(), "load-"));
after(() => rmSync(folder, { recursive: true }));
const silent = () => {};

for (const [protocol, wireBytes] of [
  ["v1", 7_600],
  ["v2", 10_200],
] as const) {
  test(`${protocol} load is distinct, of real size, and accepted as of its signing`, async () => {
    const load = await ensureLoad(folder, { protocol, count: 150, senders: 7, gzippedBytes: 2_600 }, silent);
    const { messages, signedAtMs } = readLoad(load.file);
    const trust = createTrust(load.trust);

    const verdicts = await Promise.all(messages.map((raw) => validate(raw, "registration", trust, signedAtMs)));

    const accepted = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.message] : []));
    assert.equal(accepted.length, 150);
    assert.equal(new Set(accepted.map(({ messageId }) => messageId)).size, 150);
    assert.equal(new Set(accepted.map(({ sender }) => sender)).size, 7);
    const stored = mean(accepted.map((message) => adapterOutput(message, "envelope").body.length));
    const wire = mean(messages.map(({ length }) => length));
    assert.ok(Math.abs(stored - 3_800) < 200, `stored ${stored}`);
    assert.ok(Math.abs(wire - wireBytes) < 300, `wire ${wire}`);
  });
}

for (const protocol of ["v1", "v2"] as const) {
  test(`the ${protocol} load of the benchmark has about 4 kB on the wire`, async () => {
    const request = { protocol, count: 30, senders: 7, gzippedBytes: GZIPPED_BYTES[protocol] };
    const { messages } = readLoad((await ensureLoad(folder, request, silent)).file);

    const wire = mean(messages.map(({ length }) => length));

    assert.ok(Math.abs(wire - 4_000) < 150, `wire ${wire}`);
  });
}

test("a load is made once, and again when its file is none", async () => {
  const request = { protocol: "v2", count: 3, senders: 1, gzippedBytes: 2_600 } as const;
  const { file, signedAtMs } = await ensureLoad(folder, request, silent);
  assert.equal((await ensureLoad(folder, request, silent)).signedAtMs, signedAtMs);

  writeFileSync(file, '{"format":0}\n');
  await ensureLoad(folder, request, silent);
  assert.equal(readLoad(file).messages.length, 3);
  assert.ok(statSync(file).size > 20_000);
});

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

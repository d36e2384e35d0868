import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { strip } from "../../../scripts/lambda/bundle/descriptions.ts";

test("descriptions are left out wherever they stand, and nothing else is", () => {
  const described = 'const a = z.object({ b: z.string().describe("B.").optional() }).describe(`${"A"} (b)`);';
  assert.equal(strip(described).trim(), "const a = z.object({ b: z.string().optional() });");
  const other = 'const b = describe("x").of(z.string().meta({ describe: 1 }));';
  assert.equal(strip(other).trim(), other);
});

test("the schema of the configuration without its descriptions is a good deal smaller", async () => {
  const source = await readFile(new URL("../../../shared/config/schema.ts", import.meta.url), "utf8");
  const stripped = strip(source);
  assert.ok(!stripped.includes(".describe("));
  assert.ok(source.length - stripped.length > 10_000, `${source.length} to ${stripped.length}`);
});

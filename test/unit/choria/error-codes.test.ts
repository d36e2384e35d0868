import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REMEDIES } from "../../../shared/choria/explain/remedies.ts";
import { REJECTION_CODES } from "../../../shared/choria/message.ts";

test("docs/errors.md lists every rejection code, in the order of the checks, as inspect explains it", () => {
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const section = text.split("## Rejections")[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const expected = REJECTION_CODES.map(
    (code) => `| \`${code}\` | ${REMEDIES[code].meaning} | ${REMEDIES[code].remedy} |`,
  );
  assert.deepEqual(rows, expected);
});

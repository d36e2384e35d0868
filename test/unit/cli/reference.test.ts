import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMMANDS } from "../../../functions/cli/commands.ts";
import { cliReference } from "../../../functions/cli/reference.ts";

test("docs/cli.md is what the commands' help says (npm run docs writes it)", async () => {
  assert.equal(readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8"), await cliReference(COMMANDS));
});

test("every command and subcommand has a section", async () => {
  const text = await cliReference(COMMANDS);

  for (const { name } of COMMANDS) assert.match(text, new RegExp(`^## ${name}$`, "m"));
  for (const name of ["quarantine replay", "streams apply", "config check"]) {
    assert.match(text, new RegExp(`^### ${name}$`, "m"));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { COMMANDS } from "../../../functions/cli/commands.ts";

for (const { name, load } of COMMANDS) {
  test(`${name} registers itself, and it and its subcommands have help`, async () => {
    const program = new Command();

    (await load())(program, { env: {} });

    const command = program.commands.find((registered) => registered.name() === name);
    assert.ok(command !== undefined);
    for (const described of [command, ...command.commands]) {
      assert.notEqual(described.description(), "", described.name());
      for (const option of described.options) assert.notEqual(option.description, "", option.flags);
    }
  });
}

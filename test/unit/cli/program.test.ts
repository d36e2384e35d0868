import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandEntry } from "../../../functions/cli/commands.ts";
import { UsageError } from "../../../functions/cli/exit.ts";
import { runCli } from "../../../functions/cli/program.ts";
import { ConfigError } from "../../../shared/config/problem.ts";

const problem = { file: "my.yaml", path: "a.b", value: "1", problem: "is wrong", fix: "mend it" };

test("the exit code says what kind of failure it was", async () => {
  const cases: readonly [throws: unknown, code: number, printed: RegExp][] = [
    [new ConfigError([problem]), 2, /^my\.yaml a\.b: is wrong \(is 1\); mend it$/],
    [new UsageError("give a file"), 2, /^choria-bridge: give a file$/],
    [new Error("the disk is full"), 1, /^choria-bridge: the disk is full$/],
    ["odd", 1, /^choria-bridge: odd$/],
  ];
  for (const [throws, code, printed] of cases) {
    const result = await run(["fail"], [makeCommand("fail", throws)]);
    assert.equal(result.code, code);
    assert.match(result.printed, printed);
  }
});

test("a command that ends well is exit code 0", async () => {
  assert.deepEqual(await run(["work"], [makeCommand("work")]), { code: 0, printed: "" });
});

test("usage errors are exit code 2 and point to the help", async () => {
  for (const args of [["wrok"], ["work", "--colour"], ["work", "surplus"], []]) {
    const result = await run(args, [makeCommand("work")]);
    assert.equal(result.code, 2, args.join(" "));
    assert.match(result.printed, /help/, args.join(" "));
  }
});

test("an unexpected error shows its stack only when asked to", async () => {
  const commands = [makeCommand("fail", new Error("broken"))];

  assert.doesNotMatch((await run(["fail"], commands)).printed, /at /);
  assert.match((await run(["fail", "--verbose"], commands)).printed, /broken\n +at /);
});

test("a command's module is loaded only when that command is called", async () => {
  const loaded: string[] = [];
  const entry = (name: string): CommandEntry => {
    const command = makeCommand(name);
    const load = () => {
      loaded.push(name);
      return command.load();
    };
    return { ...command, load };
  };

  await run(["one"], [entry("one"), entry("two")]);

  assert.deepEqual(loaded, ["one"]);
});

function makeCommand(name: string, throws?: unknown): CommandEntry {
  const action = () => {
    if (throws !== undefined) throw throws;
  };
  return {
    name,
    summary: `does ${name}`,
    load: async () => (program) => void program.command(name).description(`does ${name}`).action(action),
  };
}

async function run(args: readonly string[], commands: readonly CommandEntry[]) {
  const printed: string[] = [];
  const code = await runCli({
    args,
    commands,
    version: "1.2.3",
    context: { env: {} },
    printError: (text) => void printed.push(text),
  });
  return { code, printed: printed.join("\n") };
}

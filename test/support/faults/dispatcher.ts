import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type CliProcess, startCli } from "../cli.ts";
import { eventually } from "../eventually.ts";
import { awsEnvironment } from "../functions.ts";
import type { LambdaEmulator } from "../lambda/emulator.ts";
import type { Scenario } from "./scenario.ts";

/** A dispatcher as a process of its own, which speaks to the emulator and to nobody else; gone with the test. */
export async function startDispatcher(
  t: Pick<TestContext, "after">,
  { config }: Pick<Scenario, "config">,
  lambda: LambdaEmulator,
): Promise<CliProcess> {
  const dispatcher = startCli(["dispatch", "--config", config], awsEnvironment(lambda.endpoint));
  t.after(() => dispatcher.child.kill("SIGKILL"));
  await eventually(() => assert.match(dispatcher.output.stderr, /the dispatcher is watching/), { timeoutMs: 60_000 });
  return dispatcher;
}

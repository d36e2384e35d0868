import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { parseDocument } from "yaml";
import { drainReportSchema } from "../../../shared/lambda/event.ts";
import { type Deployment, invoke, startFunctions } from "../functions.ts";
import type { LambdaEmulator } from "../lambda/emulator.ts";
import type { Scenario } from "./scenario.ts";

/** Between two rounds of drains: a retry's delay may be all that is waited for. */
const PAUSE_MS = 100;

/**
 * A scenario's job as the function `consumer` under the emulator, in the place of its workers. `route`: another way to the
 * servers, through a proxy.
 */
export async function startLedgerFunction(
  t: Pick<TestContext, "after">,
  { folder, config }: Pick<Scenario, "folder" | "config">,
  deployment: Deployment,
  route: string | null = null,
): Promise<LambdaEmulator> {
  const file = join(folder, "function.yaml");
  const document = parseDocument(await readFile(config, "utf8"));
  if (route !== null) for (const name of ["main", "far"]) document.setIn(["connections", name, "servers"], [route]);
  await writeFile(file, String(document));
  return startFunctions(t, { config: file, outdir: join(folder, "lambda"), deploy: { consumer: deployment } });
}

/** Invokes so many drains at a time, again and again, until the ledger's queue is empty. Returns what failed among them. */
export async function drainAll(
  lambda: LambdaEmulator,
  { ledger }: Pick<Scenario, "ledger">,
  atATime: number,
): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  while ((await ledger.left()) > 0) {
    const drains = Array.from({ length: atATime }, () => invoke(lambda, "consumer"));
    for (const { error, payload } of await Promise.all(drains)) {
      if (error === null) drainReportSchema.parse(payload);
      else failures.push(payload);
    }
    await wait(PAUSE_MS);
  }
  return failures;
}

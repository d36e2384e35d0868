import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from "@aws-sdk/client-lambda";
import { makeFolder } from "../../support/folder.ts";
import { type EmulatorSettings, LambdaEmulator } from "../../support/lambda/emulator.ts";
import type { FunctionSettings } from "../../support/lambda/function.ts";

/** Functions of the tests, as a bundle would have them: an ESM file in a subfolder of the package. */
const HANDLERS = `
import { existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
let invocations = 0;
let ticks = 0;
setInterval(() => ticks++, 5);
process.stdout.write("loaded\\n");
export const echo = async (event, context) => {
  console.log("told of", event);
  process.stdout.write('{"_aws":{}}\\n');
  console.error("a warning");
  return { event, context, leftMs: context.getRemainingTimeInMillis(), env: process.env, cwd: process.cwd(), node: process.version };
};
export const count = async ({ ms = 0 }) => {
  await wait(ms);
  return { invocations: ++invocations, ticks };
};
export const nothing = async () => {};
export const fail = async () => { throw new TypeError("no such node"); };
export const failWithText = async () => { throw "text"; };
export const hang = () => { for (;;); };
export const leave = async ({ code }) => process.exit(code);
export const reject = async () => { Promise.reject(new RangeError("nobody waits")); await wait(60_000); };
export const large = async () => "x".repeat(7_000_000);
export const failUnless = async ({ file }) => { if (!existsSync(file)) throw new Error("not yet"); return "done"; };
export const hold = async ({ file }) => { while (!existsSync(file)) await wait(5); return process.pid; };
export const nested = { deep: async () => "nested" };
`;

export type Partly = Omit<FunctionSettings, "taskRoot" | "handler"> & { readonly handler?: string };

/** An emulator with these functions and an unmodified SDK client; a function's handler is the export of its name. */
export async function setup(
  t: TestContext,
  functions: readonly Partly[],
  settings: Omit<EmulatorSettings, "functions"> = {},
) {
  const folder = await makeFolder(t);
  await mkdir(join(folder, ".build/lambda"), { recursive: true });
  await writeFile(join(folder, ".build/lambda/all.mjs"), HANDLERS);
  const deployed = functions.map((fn) => ({
    timeoutMs: 60_000,
    taskRoot: folder,
    handler: `.build/lambda/all.${fn.name}`,
    ...fn,
  }));
  const emulator = await LambdaEmulator.start({ functions: deployed, ...settings });
  t.after(() => emulator.close());
  const client = new LambdaClient({
    endpoint: emulator.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "x", secretAccessKey: "x" },
    maxAttempts: 1,
  });
  t.after(() => client.destroy());

  const invoke = async (name: string, payload: unknown = {}, more: Partial<InvokeCommandInput> = {}) => {
    const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload), ...more });
    const answer = await client.send(command);
    const text = answer.Payload?.transformToString() ?? "";
    return { ...answer, result: text === "" ? undefined : JSON.parse(text) };
  };
  return { folder, emulator, client, invoke };
}

/** As in proc(5): `T` stopped, `S` sleeping, `R` running; null: there is no such process. */
export function processState(pid: number | null | undefined): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
  } catch {
    return null;
  }
}

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LambdaEmulator } from "../../../test/support/lambda/emulator.ts";
import { provideNode } from "../../../test/support/lambda/node.ts";
import { bundleFunctions } from "../bundle/bundle.ts";
import { readSource } from "../bundle/source.ts";
import { FUNCTION_PREFIX } from "./surroundings.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
/** The runtime's, in serverless.yml. */
const NODE_MAJOR = 24;
const SWEEP_EVERY_MS = 60_000;
const TIMEOUT_MS = 90_000;
const CONCURRENCY = 2;

/** Bundles the configuration's functions as `serverless deploy` does, and runs these files under the emulator. */
export async function startEmulator(
  configFile: string,
  folder: string,
  { scheduleMs, say }: { readonly scheduleMs: number; readonly say: (line: string) => void },
): Promise<LambdaEmulator> {
  const schedules: Readonly<Record<string, number>> = { consumer: scheduleMs, sweeper: SWEEP_EVERY_MS };
  const taskRoot = resolve(folder, "functions");
  const bundles = await bundleFunctions(readSource(configFile, process.env), root, taskRoot);
  for (const { name, bytes } of bundles) say(`function ${name}: ${Math.ceil(bytes / 1_000)} kB`);
  const node = await provideNode(NODE_MAJOR, join(root, ".cache"), say);
  if (!node.ok) say(`${node.reason}; the functions run on Node.js ${process.versions.node} instead`);
  return LambdaEmulator.start({
    ...(node.ok ? { node: node.path } : {}),
    functions: bundles.map(({ name }) => ({
      name: `${FUNCTION_PREFIX}${name}`,
      taskRoot,
      handler: `${name}/${name}.handler`,
      env: { NODE_OPTIONS: "--enable-source-maps" },
      timeoutMs: TIMEOUT_MS,
      memoryMb: 512,
      reservedConcurrency: name === "consumer" ? CONCURRENCY : null,
      maximumRetryAttempts: 0,
      scheduleMs: schedules[name] ?? null,
    })),
  });
}

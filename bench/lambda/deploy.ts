import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { bundleFunctions } from "../../scripts/lambda/bundle/bundle.ts";
import { readSource } from "../../scripts/lambda/bundle/source.ts";
import { LambdaEmulator } from "../../test/support/lambda/emulator.ts";
import { type BenchQueue, configDocument } from "../jobs/options.ts";

/** Where functions are measured: what all of it shares. */
export interface Bench {
  readonly url: string;
  /** The Node.js program of the functions' runtime. */
  readonly node: string;
  /** The checkout. */
  readonly root: string;
  /** For what is made on the way; removed by whoever made it. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** A queue's function, packaged as for AWS and run by the emulator. */
export interface Deployed {
  readonly lambda: LambdaEmulator;
  /** The configuration it was made from, for whoever wakes it. */
  readonly configFile: string;
}

const PREFIX = "bench-";
/** Its name on the platform. */
export const FUNCTION = `${PREFIX}consumer`;
/** Those of serverless.yml. */
export const FUNCTION_ENV = { NODE_OPTIONS: "--enable-source-maps" };
const TIMEOUT_MS = 90_000;

/** `handler` is an export of `handlers.ts`. */
export async function deploy(
  { node, root, folder }: Bench,
  queue: BenchQueue,
  handler: "nothing" | "waited",
): Promise<Deployed> {
  const own = join(folder, queue.stream);
  await mkdir(own, { recursive: true });
  const document = configDocument(queue, `${join(root, "bench/lambda/handlers.ts")}#${handler}`);
  const configFile = join(own, "bench.yaml");
  const dispatcher = { functionPrefix: PREFIX, http: { port: 0 } };
  await writeFile(configFile, stringify({ ...document, dispatcher }));
  const taskRoot = join(own, "functions");
  await bundleFunctions(readSource(configFile, {}), root, taskRoot);
  const lambda = await LambdaEmulator.start({
    node,
    functions: [
      { name: FUNCTION, taskRoot, handler: "consumer/consumer.handler", timeoutMs: TIMEOUT_MS, env: FUNCTION_ENV },
    ],
  });
  return { lambda, configFile };
}

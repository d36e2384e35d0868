import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { pythonTool } from "../../scripts/python-tools.ts";
import { collectOutput, spawnBound } from "../../shared/nats-server/bound-child.ts";

export interface TestMoto {
  /** Every AWS service, without a trailing slash: `http://127.0.0.1:4711`. */
  readonly endpoint: string;
  /** What an AWS client has to find in its environment to speak to this server and to no other. */
  readonly env: Readonly<Record<string, string>>;
}

/** Python reads moto's modules from a cold disk at the first start; the limit only ends what would never pass. */
const START_TIMEOUT_MS = 120_000;
const PROBE_EVERY_MS = 50;
const PROBE_TIMEOUT_MS = 30_000;
const RUNNING = /Running on (http:\/\/127\.0\.0\.1:\d+)/;

/**
 * An AWS of one's own (moto) on a free loopback port, empty, gone with the test. `MOTO_SERVER` picks the program;
 * without it the one in the cache is used, or installed there. For several tests on one server pass `{ after }` from
 * "node:test" at the top of the file (within `before()` it would end with that).
 */
export async function startMoto(t: { after(cleanUp: () => Promise<void>): void }): Promise<TestMoto> {
  // Port 0: moto finds the free port itself and says which, so that nobody can take it in between.
  const child = spawnBound(await motoServer(), ["-H", "127.0.0.1", "-p", "0"], {});
  t.after(() => end(child)); // it has nothing to store: -9 is certain
  const endpoint = await ready(child);
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "testing",
      AWS_SECRET_ACCESS_KEY: "testing",
      AWS_EC2_METADATA_DISABLED: "true", // or a client without a region would look for one in the network
    },
  };
}

/** Stores an SSM parameter, encrypted, over whatever was there. */
export async function putParameter({ endpoint, env }: TestMoto, name: string, value: string): Promise<void> {
  const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_REGION: region = "" } = env;
  const keys = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  const aws = new AwsClient({ ...keys, region, service: "ssm" });
  const headers = { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.PutParameter" };
  const body = JSON.stringify({ Name: name, Type: "SecureString", Value: value, Overwrite: true });
  const { status } = await aws.fetch(endpoint, { method: "POST", headers, body });
  if (status !== 200) throw new Error(`moto did not store ${name}: status ${status}`);
}

async function motoServer(): Promise<string> {
  const { MOTO_SERVER } = process.env;
  if (MOTO_SERVER !== undefined) return MOTO_SERVER;
  const tool = await pythonTool("moto_server");
  if (!tool.ok) throw new Error(`no moto_server: ${tool.reason}`);
  return tool.path;
}

/** The address it serves, once it answers there; rejects with what it printed when it does not. */
async function ready(child: ChildProcess): Promise<string> {
  const output = collectOutput(child);
  let failure: string | null = null;
  child.once("error", (error) => {
    failure = error.message;
  });
  child.once("exit", (code, signal) => {
    failure ??= `ended with ${signal ?? code}`;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; failure === null; await wait(PROBE_EVERY_MS)) {
    const endpoint = RUNNING.exec(output())?.[1];
    if (endpoint !== undefined && (await isServing(endpoint))) return endpoint;
    if (Date.now() > deadline) failure = `served nothing within ${START_TIMEOUT_MS / 1_000} s`;
  }
  throw new Error(`moto_server ${failure}:\n${output()}`);
}

function isServing(endpoint: string): Promise<boolean> {
  return fetch(`${endpoint}/moto-api/`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { collectOutput, spawnBound } from "../../shared/nats-server/bound-child.ts";
import { freePort } from "../../shared/nats-server/port.ts";
import { type RedisBinary, redisEnvironment } from "./provision.ts";

export interface RunningRedis {
  readonly port: number;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const PROBE_EVERY_MS = 50;

/**
 * A Redis that keeps what it is told, on loopback: every write goes to the append-only file, which is synced once a second.
 * Without snapshots, which would only slow it down now and then.
 */
export async function startRedis({ path, libraries }: RedisBinary): Promise<RunningRedis> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-redis-"));
  const port = await freePort();
  const durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const child = spawnBound(path, [...place, ...durable], { env: redisEnvironment(libraries) });
  const output = collectOutput(child);
  const gone = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await wait(PROBE_EVERY_MS)) {
    if (child.exitCode !== null) break; // somebody took the port: whoever answers there is not ours
    if (await answersPing(port)) return { port, stop };
  }
  if (child.exitCode === null) await stop();
  await rm(folder, { recursive: true, force: true });
  throw new Error(`redis-server on port ${port} did not start:\n${output()}`);
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1_000 });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (data) => settle(data.toString().startsWith("+PONG")));
    socket.on("error", () => settle(false));
    socket.on("timeout", () => settle(false));
  });
}

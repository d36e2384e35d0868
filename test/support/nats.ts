import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type ConnectionOptions, connect, type JetStreamManager, type NatsConnection } from "nats";
import { ensureNatsServer } from "../../shared/nats-server/provision.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../shared/nats-server/run.ts";

export const cacheDir = fileURLToPath(new URL("../../.cache", import.meta.url));

export interface TestNats {
  /** `kill("SIGKILL")`, `kill("SIGSTOP")`, `kill("SIGCONT")` and `restart()` are the faults to inject. */
  readonly server: RunningServer;
  readonly url: string;
  /** Its JetStream files, and `nats-server.conf` when `config` was given. */
  readonly storeDir: string;
  /** Path of the program it runs. */
  readonly binary: string;
  /** `2.15.1`; tests that depend on it say why. */
  readonly serverVersion: string;
  /** A plain client, closed with the test. It redials for ever, so that faults do not end it. */
  connect(options?: ConnectionOptions): Promise<NatsConnection>;
  /** JetStream management over a connection of its own. */
  jsm(): Promise<JetStreamManager>;
}

/**
 * A nats-server for one test: free port, own store, gone with the test. `NATS_SERVER` picks the program, so that the
 * same tests run on every version. For several tests on one server pass `{ after }` from "node:test" in `before()`.
 */
export async function startNats(
  t: Pick<TestContext, "after">,
  options: Partial<Omit<ServerOptions, "binary" | "storeDir">> = {},
): Promise<TestNats> {
  const binary = await ensureNatsServer({ env: process.env, cacheDir, log: () => {} });
  const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-nats-"));
  const connections: NatsConnection[] = [];
  const started = startServer({ ...options, binary: binary.path, storeDir });
  t.after(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await started.then(
      (server) => server.stop(),
      () => {}, // the test has been told already
    );
    await rm(storeDir, { recursive: true, force: true, maxRetries: 3 });
  });
  const server = await started;
  const open = async (settings: ConnectionOptions = {}): Promise<NatsConnection> => {
    const connection = await connect({
      servers: server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      ...settings,
    });
    connections.push(connection);
    return connection;
  };
  return {
    server,
    url: server.url,
    storeDir,
    binary: binary.path,
    serverVersion: binary.version,
    connect: open,
    jsm: async () => (await open()).jetstreamManager(),
  };
}

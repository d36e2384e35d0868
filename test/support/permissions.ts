import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { startNats, type TestNats } from "./nats.ts";

export interface ReloadableNats extends TestNats {
  /** Another configuration, from the next start on. */
  putConfig(config: string): Promise<void>;
  /** Another configuration, at once: connections live on, and none is told what it may do now. */
  reload(config: string): Promise<void>;
  /** Another configuration, by a reload where JetStream survives one: with nats-server 2.9 it ends, until a restart. */
  change(config: string): Promise<void>;
}

export async function startReloadable(t: Pick<TestContext, "after">, config: string): Promise<ReloadableNats> {
  const name = randomUUID();
  const nats = await startNats(t, { name, config });
  // A server refuses to reload a configuration that gives it no name.
  const putConfig = (next: string) =>
    writeFile(join(nats.storeDir, "nats-server.conf"), `server_name: "${name}"\n${next}`);
  const reloads = () => nats.server.output.split("Reloaded server configuration").length;
  const reload = async (next: string): Promise<void> => {
    const before = reloads();
    await putConfig(next);
    process.kill(nats.server.pid, "SIGHUP");
    await eventually(() => {
      if (reloads() === before)
        throw new Error(`the server has not reloaded its configuration:\n${nats.server.output}`);
    });
  };
  const restart = async (next: string): Promise<void> => {
    await putConfig(next);
    await nats.server.restart();
  };
  return { ...nats, putConfig, reload, change: nats.serverVersion.startsWith("2.9.") ? restart : reload };
}

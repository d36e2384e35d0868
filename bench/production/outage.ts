import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startServer } from "../../shared/nats-server/run.ts";
import { feed } from "./feed.ts";
import { readStored } from "./place.ts";
import { countOutOfOrder, numbered, type Protocol, type Scene, startBridge } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

const AWAY_FROM_MS = 4_000;

export interface Outage {
  readonly protocol: Protocol;
  readonly sent: number;
  readonly inStream: number;
  readonly awayMs: number;
  readonly outOfOrder: number;
  readonly report: WatchedReport;
}

/** The server with the stream is stopped for a while in the middle of it, the one that the messages come from is not. */
export async function outage(
  scene: Scene,
  binary: string,
  { perSecond, awayMs }: { perSecond: number; awayMs: number },
): Promise<Outage> {
  const { url, load, protocol } = scene;
  const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-bench-store-"));
  const store = await startServer({ binary, storeDir });
  try {
    const place = { url: store.url, stream: "BENCH_OUTAGE" };
    const bridge = await startBridge(place, scene);
    const count = Math.min(load.count, Math.ceil((perSecond * (awayMs + 10_000)) / 1_000));
    const source = { type: "load", file: load.file } as const;
    const feeding = feed({ url, source, count, pace: { type: "rate", perSecond } });
    await wait(AWAY_FROM_MS);
    await store.stop();
    await wait(awayMs);
    await store.restart();
    const { sent } = await feeding;
    const report = await bridge.stop();
    const stored = await readStored(place);
    const found = numbered(stored, load);
    const inStream = new Set(found.map(({ number }) => number)).size;
    return { protocol, sent, inStream, awayMs, outOfOrder: countOutOfOrder(found), report };
  } finally {
    await store.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

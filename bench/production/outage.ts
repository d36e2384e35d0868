import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type ServerOptions, startServer } from "../../shared/nats-server/run.ts";
import { feed } from "./feed.ts";
import { countOutOfOrder, numbered, type Protocol, type Scene } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

const AWAY_FROM_MS = 4_000;

export interface Outage<Report = WatchedReport> {
  readonly protocol: Protocol;
  readonly sent: number;
  readonly inStream: number;
  readonly awayMs: number;
  readonly outOfOrder: number;
  readonly report: Report;
}

/** The server with the stream is stopped for a while in the middle of it, the one that the messages come from is not. */
export async function outage<Report>(
  scene: Scene<Report>,
  server: Omit<ServerOptions, "storeDir">,
  { perSecond, awayMs }: { perSecond: number; awayMs: number },
): Promise<Outage<Report>> {
  const { url, load, protocol, contender } = scene;
  const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-bench-store-"));
  const store = await startServer({ ...server, storeDir });
  try {
    const place = { url: store.url, stream: "BENCH_OUTAGE" };
    const running = await contender.start(place, scene);
    const count = Math.min(load.count, Math.ceil((perSecond * (awayMs + 10_000)) / 1_000));
    const source = { type: "load", file: load.file } as const;
    const feeding = feed({ url, source, count, pace: { type: "rate", perSecond } });
    await wait(AWAY_FROM_MS);
    await store.stop();
    await wait(awayMs);
    await store.restart();
    const { sent } = await feeding;
    const report = await running.stop();
    const stored = await contender.readStored(place);
    const found = numbered(stored, load);
    const inStream = new Set(found.map(({ number }) => number)).size;
    return { protocol, sent, inStream, awayMs, outOfOrder: countOutOfOrder(found), report };
  } finally {
    await store.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

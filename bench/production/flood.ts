import { feed } from "./feed.ts";
import { readStored, removeStream } from "./place.ts";
import { countOutOfOrder, numbered, type Protocol, type Scene, startBridge } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

export interface Flood {
  readonly protocol: Protocol;
  readonly sent: number;
  readonly sentPerSecond: number;
  readonly report: WatchedReport;
  /** In the stream at the end. */
  readonly inStream: number;
  /** Pairs of neighbouring messages of one sender that are stored in another order than sent. */
  readonly outOfOrder: number;
}

/** As fast as the publisher can, many times what the bridge can. */
export async function flood(scene: Scene): Promise<Flood> {
  const { url, load, protocol } = scene;
  const place = { url, stream: "BENCH_FLOOD" };
  const bridge = await startBridge(place, scene);
  const source = { type: "load", file: load.file } as const;
  const { sent, seconds } = await feed({ url, source, count: load.count, pace: { type: "flood" } });
  const report = await bridge.stop();
  const stored = await readStored(place);
  await removeStream(place);
  const outOfOrder = countOutOfOrder(numbered(stored, load));
  return { protocol, sent, sentPerSecond: sent / seconds, report, inStream: stored.length, outOfOrder };
}

import { feed } from "./feed.ts";
import { removeStream, type StoredMessage } from "./place.ts";
import { countOutOfOrder, numbered, type Protocol, type Scene } from "./scene.ts";
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

export interface Flooded<Report> {
  readonly sent: number;
  /** That the sending took. */
  readonly seconds: number;
  readonly report: Report;
  readonly stored: readonly StoredMessage[];
}

/** As fast as the publisher can, many times what the bridge can. */
export async function flood(scene: Scene<WatchedReport>): Promise<Flood> {
  const { load, protocol } = scene;
  const { sent, seconds, report, stored } = await flooded(scene);
  const outOfOrder = countOutOfOrder(numbered(stored, load));
  return { protocol, sent, sentPerSecond: sent / seconds, report, inStream: stored.length, outOfOrder };
}

/** What whoever it goes through makes of such a flood. */
export async function flooded<Report>(scene: Scene<Report>): Promise<Flooded<Report>> {
  const { url, load, contender } = scene;
  const place = { url, stream: "BENCH_FLOOD" };
  const running = await contender.start(place, scene);
  const source = { type: "load", file: load.file } as const;
  const { sent, seconds } = await feed({ url, source, count: load.count, pace: { type: "flood" } });
  const report = await running.stop();
  const stored = await contender.readStored(place);
  await removeStream(place);
  return { sent, seconds, report, stored };
}

import { setTimeout as wait } from "node:timers/promises";
import { readLoad } from "../load.ts";
import { feed } from "./feed.ts";
import { readStored, removeStream } from "./place.ts";
import { requestIdOf } from "./request-id.ts";
import { type Protocol, type Scene, startBridge } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

export interface Paced {
  readonly protocol: Protocol;
  readonly sent: number;
  readonly stored: number;
  /** From just before the publish to the moment at which the stream stored it. */
  readonly latenciesMs: readonly number[];
  readonly cpuMsPerMessage: number;
  readonly report: WatchedReport;
}

/** A steady rate, each message once. The first second is not counted: it proves the senders. */
export async function paced(scene: Scene, perSecond: number, seconds: number): Promise<Paced> {
  const { url, load, protocol } = scene;
  const place = { url, stream: "BENCH_PACED" };
  const bridge = await startBridge(place, scene);
  const source = { type: "load", file: load.file } as const;
  const warmUp = perSecond;
  const marking = wait(1_000).then(() => bridge.mark());
  const count = Math.min(load.count, perSecond * (seconds + 1));
  const { sentAtMs } = await feed({ url, source, count, pace: { type: "rate", perSecond } });
  await marking;
  const report = await bridge.stop();
  const sentAt = new Map<string, number>();
  for (const [number, message] of readLoad(load.file).messages.entries()) {
    const ms = number < warmUp ? undefined : sentAtMs[number];
    if (ms !== undefined) sentAt.set(requestIdOf(message), ms);
  }
  const stored = await readStored(place);
  await removeStream(place);
  const latenciesMs = stored.flatMap(({ requestId, storedAtMs }) => {
    const sent = sentAt.get(requestId);
    return sent === undefined ? [] : [storedAtMs - sent];
  });
  const cpuMsPerMessage = (report.cpuSeconds * 1_000) / (count - warmUp);
  return { protocol, sent: count, stored: stored.length, latenciesMs, cpuMsPerMessage, report };
}

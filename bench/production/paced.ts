import { setTimeout as wait } from "node:timers/promises";
import { readLoad } from "../load.ts";
import { feed } from "./feed.ts";
import { removeStream } from "./place.ts";
import { requestIdOf } from "./request-id.ts";
import type { Protocol, Scene } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

export interface Paced<Report = WatchedReport> {
  readonly protocol: Protocol;
  readonly sent: number;
  readonly stored: number;
  /** From just before the publish to the moment at which the stream stored it. */
  readonly latenciesMs: readonly number[];
  readonly cpuMsPerMessage: number;
  readonly report: Report;
}

/** Not counted: the first second proves the senders, and on a slow machine the next ones work off what waited behind that. */
export const WARM_UP_SECONDS = 5;

/** A steady rate, each message once. */
export async function paced<Report extends { readonly cpuSeconds: number }>(
  scene: Scene<Report>,
  perSecond: number,
  seconds: number,
): Promise<Paced<Report>> {
  const { url, load, protocol, contender } = scene;
  const place = { url, stream: "BENCH_PACED" };
  const running = await contender.start(place, scene);
  const source = { type: "load", file: load.file } as const;
  const warmUp = perSecond * WARM_UP_SECONDS;
  const marking = wait(WARM_UP_SECONDS * 1_000).then(() => running.mark());
  const count = Math.min(load.count, perSecond * (seconds + WARM_UP_SECONDS));
  const { sentAtMs } = await feed({ url, source, count, pace: { type: "rate", perSecond } });
  await marking;
  const report = await running.stop();
  const sentAt = new Map<string, number>();
  for (const [number, message] of readLoad(load.file).messages.entries()) {
    const ms = number < warmUp ? undefined : sentAtMs[number];
    if (ms !== undefined) sentAt.set(requestIdOf(message), ms);
  }
  const stored = await contender.readStored(place);
  await removeStream(place);
  const latenciesMs = stored.flatMap(({ requestId, storedAtMs }) => {
    const sent = sentAt.get(requestId);
    return sent === undefined ? [] : [storedAtMs - sent];
  });
  const cpuMsPerMessage = (report.cpuSeconds * 1_000) / (count - warmUp);
  return { protocol, sent: count, stored: stored.length, latenciesMs, cpuMsPerMessage, report };
}

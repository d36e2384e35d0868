import { feed } from "./feed.ts";
import { openFleetLoad } from "./fleet-load.ts";
import { removeStream } from "./place.ts";
import { type Protocol, startBridge } from "./scene.ts";
import type { WatchedReport } from "./watched.ts";

const WINDOW = 768;

export interface FleetMemory {
  readonly protocol: Protocol;
  readonly senders: number;
  readonly sent: number;
  readonly report: WatchedReport;
}

/** Every node of a fleet reports `rounds` times; the bridge is given no more than it can store. */
export async function fleetMemory(
  scene: { readonly protocol: Protocol; readonly url: string; readonly file: string },
  rounds: number,
): Promise<FleetMemory> {
  const { url, file, protocol } = scene;
  const { senders, signedAtMs, trust } = openFleetLoad(file);
  const place = { url, stream: "BENCH_FLEET" };
  const bridge = await startBridge(place, { url, load: { signedAtMs, trust } });
  const pace = { type: "stored", stream: place.stream, window: WINDOW } as const;
  const { sent } = await feed({ url, source: { type: "fleet", file }, count: senders * rounds, pace });
  const report = await bridge.stop();
  await removeStream(place);
  return { protocol, senders, sent, report };
}

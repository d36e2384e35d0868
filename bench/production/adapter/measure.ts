import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerOptions, startServer } from "../../../shared/nats-server/run.ts";
import { flooded } from "../flood.ts";
import {
  LATENCY_PER_SECOND,
  loadOf,
  OUTAGE_PER_SECOND,
  type ProductionPlace,
  type ProductionSize,
} from "../measure.ts";
import { type Outage, outage } from "../outage.ts";
import { type Paced, paced, WARM_UP_SECONDS } from "../paced.ts";
import { type Contender, countOutOfOrder, numbered, type Protocol, type Scene } from "../scene.ts";
import { type AdapterReport, adapterContender } from "./process.ts";
import type { ChoriaProgram } from "./program.ts";
import { tlsConfig } from "./security.ts";

export interface AdapterFlood {
  readonly sent: number;
  readonly sentPerSecond: number;
  /** Distinct messages in the stream at the end. */
  readonly inStream: number;
  /** From the first that was stored to the last. */
  readonly storedPerSecond: number;
  readonly outOfOrder: number;
  readonly report: AdapterReport;
}

/** What was measured of go-choria's adapter with one protocol. */
export interface AdapterFound {
  readonly protocol: Protocol;
  readonly flood: AdapterFlood;
  readonly latency: Paced<AdapterReport>;
  readonly outage: Outage<AdapterReport>;
}

/** What stands beside the bars: measurements, or why there are none. */
export type AdapterColumn =
  | { readonly ok: true; readonly found: readonly AdapterFound[] }
  | { readonly ok: false; readonly reason: string };

/** The bridge's flood, latency and outage with go-choria's adapter in its place. */
export async function measureAdapter(
  place: ProductionPlace,
  program: ChoriaProgram,
  size: ProductionSize,
): Promise<AdapterColumn> {
  if (!program.ok) {
    place.say(`go-choria's adapter is not measured: ${program.reason}`);
    return program;
  }
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-bench-tls-"));
  const config = await tlsConfig(place.cacheDir, folder);
  const options = { binary: place.binary, config };
  const server = await startServer({ ...options, storeDir: join(folder, "store") });
  const found: AdapterFound[] = [];
  try {
    const there = { ...place, url: server.url, contender: adapterContender(program.path, place.cacheDir) };
    for (const protocol of size.adapter.protocols)
      found.push(await measureProtocol(there, options, { protocol, size }));
    return { ok: true, found };
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type AdapterPlace = ProductionPlace & { readonly contender: Contender<AdapterReport> };

async function measureProtocol(
  place: AdapterPlace,
  server: Omit<ServerOptions, "storeDir">,
  { protocol, size }: { readonly protocol: Protocol; readonly size: ProductionSize },
): Promise<AdapterFound> {
  const { url, contender, say } = place;
  const { adapter, pacedSeconds, awayMs } = size;
  say(`adapter ${protocol}`);
  const most = await loadOf(place, protocol, adapter.floodMessages);
  const steady = await loadOf(place, protocol, (pacedSeconds + WARM_UP_SECONDS) * LATENCY_PER_SECOND);
  const scene = { protocol, url, load: steady, contender };
  return {
    protocol,
    flood: await adapterFlood({ ...scene, load: most }),
    latency: await paced(scene, LATENCY_PER_SECOND, pacedSeconds),
    outage: await outage(scene, server, { perSecond: OUTAGE_PER_SECOND, awayMs }),
  };
}

async function adapterFlood(scene: Scene<AdapterReport>): Promise<AdapterFlood> {
  const { sent, seconds, report, stored } = await flooded(scene);
  const found = numbered(stored, scene.load);
  return {
    sent,
    sentPerSecond: sent / seconds,
    inStream: new Set(found.map(({ number }) => number)).size,
    storedPerSecond: perSecond(stored.map(({ storedAtMs }) => storedAtMs)),
    outOfOrder: countOutOfOrder(found),
    report,
  };
}

/** How often a second, from the first of these moments to the last. */
function perSecond(ascendingMs: readonly number[]): number {
  const tookMs = (ascendingMs.at(-1) ?? 0) - (ascendingMs[0] ?? 0);
  return ascendingMs.length / (tookMs / 1_000);
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { script } from "../child.ts";
import { ensureLoad, GZIPPED_BYTES, type Load } from "../load.ts";
import { type FleetMemory, fleetMemory } from "./fleet.ts";
import { ensureFleetLoad } from "./fleet-load.ts";
import { type Flood, flood } from "./flood.ts";
import { type Outage, outage } from "./outage.ts";
import { type Paced, paced, WARM_UP_SECONDS } from "./paced.ts";
import { BRIDGE, type Protocol } from "./scene.ts";

export interface EntrySize {
  readonly protocol: Protocol;
  readonly bytes: number;
}

/** What was measured, a list for each measurement: empty where it was not asked for. */
export interface Production {
  readonly latency: readonly Paced[];
  readonly flood: readonly Flood[];
  readonly outage: readonly Outage[];
  readonly entries: readonly EntrySize[];
  readonly fleet: readonly FleetMemory[];
}

export const MEASUREMENTS = ["latency", "flood", "outage", "entries", "fleet"] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

/** How much is measured. */
export interface ProductionSize {
  readonly pacedSeconds: number;
  readonly floodMessages: number;
  readonly awayMs: number;
  readonly senders: number;
  readonly rounds: number;
  /** Of go-choria's adapter, which takes longest of all over a flood. */
  readonly adapter: { readonly protocols: readonly Protocol[]; readonly floodMessages: number };
}

export const WHOLE: ProductionSize = {
  pacedSeconds: 30,
  floodMessages: 60_000,
  awayMs: 10_000,
  senders: 300_000,
  rounds: 3,
  adapter: { protocols: ["v1", "v2"], floodMessages: 60_000 },
};
/** Shows that it works. */
export const SHORT: ProductionSize = {
  pacedSeconds: 4,
  floodMessages: 20_000,
  awayMs: 3_000,
  senders: 3_000,
  rounds: 2,
  adapter: { protocols: ["v1"], floodMessages: 5_000 },
};

export interface ProductionPlace {
  readonly url: string;
  /** nats-server. */
  readonly binary: string;
  readonly cacheDir: string;
  readonly say: (line: string) => void;
}

const PROTOCOLS = ["v1", "v2"] as const;
export const LATENCY_PER_SECOND = 1_000;
export const OUTAGE_PER_SECOND = 500;
const SENDERS = 1_000;

/** What of the bridge is held against bars of its own, not against a floor. */
export async function measureProduction(
  place: ProductionPlace,
  wanted: readonly Measurement[],
  size: ProductionSize,
): Promise<Production> {
  const each = async <T>(what: Measurement, measure: (protocol: Protocol) => Promise<T>): Promise<readonly T[]> => {
    const found: T[] = [];
    for (const protocol of wanted.includes(what) ? PROTOCOLS : []) {
      place.say(`${what} ${protocol}`);
      found.push(await measure(protocol));
    }
    return found;
  };
  const { url, binary } = place;
  const awaySize = { perSecond: OUTAGE_PER_SECOND, awayMs: size.awayMs };
  const pacedLoad = (size.pacedSeconds + WARM_UP_SECONDS) * LATENCY_PER_SECOND;
  return {
    latency: await each("latency", async (protocol) => {
      const load = await loadOf(place, protocol, pacedLoad);
      return paced({ protocol, url, load, contender: BRIDGE }, LATENCY_PER_SECOND, size.pacedSeconds);
    }),
    flood: await each("flood", async (protocol) => {
      const load = await loadOf(place, protocol, size.floodMessages);
      return flood({ protocol, url, load, contender: BRIDGE });
    }),
    outage: await each("outage", async (protocol) => {
      const load = await loadOf(place, protocol, pacedLoad);
      return outage({ protocol, url, load, contender: BRIDGE }, { binary }, awaySize);
    }),
    entries: await each("entries", async (protocol) => ({ protocol, bytes: await entrySize(protocol) })),
    fleet: await each("fleet", async (protocol) => {
      const file = await ensureFleetLoad(place.cacheDir, { protocol, senders: size.senders }, place.say);
      return fleetMemory({ protocol, url, file }, size.rounds);
    }),
  };
}

export function loadOf({ cacheDir, say }: ProductionPlace, protocol: Protocol, count: number): Promise<Load> {
  return ensureLoad(cacheDir, { protocol, count, senders: SENDERS, gzippedBytes: GZIPPED_BYTES[protocol] }, say);
}

async function entrySize(protocol: Protocol): Promise<number> {
  const args = ["--expose-gc", script("production/entry-size"), protocol];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

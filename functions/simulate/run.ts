import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { openConnection } from "../../shared/jetstream/connect.ts";
import { type FleetSettings, type Outlet, runFleet } from "./fleet.ts";
import { openPki } from "./pki.ts";
import { FleetTally } from "./report.ts";

export interface SimulatorSettings extends FleetSettings {
  readonly servers: readonly string[];
  /** Folder of authorities and credentials, made when missing. */
  readonly dataDir: string;
}

export interface Simulator {
  readonly tally: FleetTally;
  /** Resolves once the last message is flushed and the connections are closed, after the signal aborted. */
  readonly finished: Promise<void>;
}

/** Several, so that the fleet does not share one reader in the server; more would only cost sockets. */
const CONNECTIONS = 3;

/** Starts the fleet against real servers. Rejects with a `ConnectError` when none answers. */
export async function startSimulator(settings: SimulatorSettings, signal: AbortSignal): Promise<Simulator> {
  const { collective } = settings;
  const [pki, outlets] = await Promise.all([
    openPki({ folder: settings.dataDir, collective, now: new Date() }),
    openOutlets(settings.servers),
  ]);
  const tally = new FleetTally();
  const ports = { pki, outlets, tally, clock: () => performance.now(), moment };
  const finished = runFleet(settings, ports, signal).finally(() =>
    Promise.all(outlets.map((outlet) => outlet.close())),
  );
  return { tally, finished };
}

interface ClosableOutlet extends Outlet {
  close(): Promise<void>;
}

async function openOutlets(servers: readonly string[]): Promise<readonly [ClosableOutlet, ...ClosableOutlet[]]> {
  const first = await openOutlet(servers);
  const others = await Promise.all(Array.from({ length: CONNECTIONS - 1 }, () => openOutlet(servers)));
  return [first, ...others];
}

async function openOutlet(servers: readonly string[]): Promise<ClosableOutlet> {
  const settings = { name: "simulate", servers, tls: null, credentials: { type: "none" } } as const;
  const connection = await openConnection(settings, "simulate");
  return {
    publish: (subject, body) => connection.publish(subject, body),
    flush: () => connection.flush(),
    close: () => connection.close(),
    server: `nats://${connection.getServer()}`,
  };
}

function moment() {
  const nowMs = Date.now();
  // A v2 time has nanoseconds: digits below the clock's milliseconds show whether a receiver keeps them.
  const nowNs = BigInt(nowMs) * 1_000_000n + BigInt(Math.floor(Math.random() * 1_000_000));
  return { nowMs, nowNs, random: Math.random, idBytes: randomBytes(16), gzip: (text: string) => gzipSync(text) };
}

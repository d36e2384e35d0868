import type { JetStreamAccountStats } from "nats";
import type { Connection } from "./connect.ts";
import { manage } from "./manager.ts";

export interface ServerFacts {
  readonly name: string;
  readonly version: string;
  /** null: a single server. */
  readonly cluster: string | null;
  /** The server asks for TLS on every connection. */
  readonly tlsRequired: boolean;
  readonly maxPayload: number;
  readonly rttMs: number;
}

/** What the account uses of JetStream, and how much it may; null: no limit. */
export interface AccountUse {
  readonly what: "memory" | "storage" | "streams" | "consumers";
  readonly used: number;
  readonly most: number | null;
}

export async function serverFacts(connection: Connection): Promise<ServerFacts> {
  const rtts = [await connection.rtt(), await connection.rtt(), await connection.rtt()];
  const { info } = connection;
  return {
    name: info?.server_name ?? "",
    version: info?.version ?? "",
    cluster: info?.cluster ?? null,
    tlsRequired: info?.tls_required === true,
    maxPayload: info?.max_payload ?? 0,
    rttMs: Math.min(...rtts), // the first one waits for this process to warm up
  };
}

/** Rejects with `NoJetStreamError` when the connection has none. */
export async function accountUse(connection: Connection): Promise<readonly AccountUse[]> {
  const jsm = await manage(connection);
  return usesOf(await jsm.getAccountInfo());
}

function usesOf({ memory, storage, streams, consumers, limits }: JetStreamAccountStats): readonly AccountUse[] {
  return [
    { what: "memory", used: memory, most: limitOf(limits.max_memory) },
    { what: "storage", used: storage, most: limitOf(limits.max_storage) },
    { what: "streams", used: streams, most: limitOf(limits.max_streams) },
    { what: "consumers", used: consumers, most: limitOf(limits.max_consumers) },
  ];
}

function limitOf(limit: number): number | null {
  return limit < 0 ? null : limit;
}

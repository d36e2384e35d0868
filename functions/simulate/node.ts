import type { RequestFields } from "../../shared/choria/compose.ts";
import { ksuid, v1RequestId } from "../../shared/choria/ids.ts";
import type { Protocol } from "../../shared/choria/message.ts";
import { filePayload, inventoryPayload } from "../../shared/choria/registration.ts";
import { type NodeProfile, nodeProfile } from "./facts.ts";
import { nodeIdentity } from "./identity.ts";
import { inventoryJson, type Moment } from "./inventory.ts";
import { type Random, seeded, seedOf } from "./random.ts";

export type FleetProtocol = Protocol | "mixed";

export interface SimulatedNode {
  readonly protocol: Protocol;
  readonly profile: NodeProfile;
  /** The registration plugin it runs, and whether it compresses (go-choria's default). */
  readonly plugin: "inventory" | "file";
  readonly compressed: boolean;
}

/** One node in ten sends a file, one in 25 does not compress: receivers must expect both. */
export function makeNode(index: number, protocol: FleetProtocol): SimulatedNode {
  const identity = nodeIdentity(index);
  return {
    protocol: protocol === "mixed" ? (index % 2 === 0 ? "v1" : "v2") : protocol,
    profile: nodeProfile(identity, seeded(seedOf(identity))),
    plugin: index % 10 === 9 ? "file" : "inventory",
    compressed: index % 25 !== 24,
  };
}

/** What a report needs besides its node: all of it differs from report to report. */
export interface ReportMoment extends Moment {
  /** The node's clock, nanoseconds since 1970. */
  readonly nowNs: bigint;
  readonly random: Random;
  /** 16 random bytes, for the request id. */
  readonly idBytes: Uint8Array;
  readonly gzip: (text: string) => Uint8Array;
}

/** go-choria's default ttl, seconds. */
const TTL_SECONDS = 60;

/** The registration a node sends now, unsigned. */
export function registrationFields(node: SimulatedNode, moment: ReportMoment): RequestFields {
  const { identity } = node.profile;
  const seconds = Math.floor(moment.nowMs / 1_000);
  return {
    requestId: node.protocol === "v1" ? v1RequestId(moment.idBytes) : ksuid(seconds, moment.idBytes),
    sender: identity,
    caller: node.protocol === "v1" ? `choria=${identity}` : identity,
    collective: moment.collective,
    agent: "registration",
    ttlSeconds: TTL_SECONDS,
    timeNs: moment.nowNs,
    payload: payloadOf(node, moment),
    replyTo: "dev.null",
    server: moment.server,
  };
}

function payloadOf(node: SimulatedNode, moment: ReportMoment): string {
  const json = inventoryJson(node.profile, moment, moment.random);
  const content = node.compressed
    ? ({ encoding: "gzip", bytes: moment.gzip(json) } as const)
    : ({ encoding: "plain", bytes: Buffer.from(json) } as const);
  if (node.plugin === "inventory") return inventoryPayload(content);
  const file = { path: "/etc/choria/inventory.json", modifiedAt: Math.floor(moment.nowMs / 1_000), updated: true };
  return filePayload(file, content);
}

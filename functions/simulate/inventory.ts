import { liveFacts, type NodeProfile } from "./facts.ts";
import { between, type Random } from "./random.ts";

/** An inventory as go-choria's `inventory_content` sends it, in its field order. */

const VERSION = "0.30.2";
const agent = (name: string, timeout: number, description: string) => ({
  license: "Apache-2.0",
  author: "R.I.Pienaar <rip@devco.net>",
  timeout,
  name,
  version: VERSION,
  url: "https://choria.io",
  description,
});
const AGENTS_JSON = JSON.stringify([
  agent("choria_util", 10, "Choria Utilities"),
  agent("discovery", 2, "Discovery Agent"),
  agent("rpcutil", 2, "Choria RPC Utilities"),
  agent("scout", 20, "Choria Scout Agent Management API"),
]);

/** The moment of a report. */
export interface Moment {
  readonly nowMs: number;
  /** When the simulated agent started. */
  readonly startedMs: number;
  /** Server it is connected to. */
  readonly server: string;
  readonly collective: string;
}

/** JSON text of one report; `random` gives what changes from report to report. */
export function inventoryJson(node: NodeProfile, moment: Moment, random: Random): string {
  const uptime = Math.floor((moment.nowMs - moment.startedMs) / 1_000);
  const live = JSON.stringify(liveFacts(uptime + 86_400, random)); // booted a day before its agent started
  const parts = {
    agents: AGENTS_JSON,
    classes: JSON.stringify(node.classes),
    facts: `${node.factsJson.slice(0, -1)},${live.slice(1)}`,
    status: JSON.stringify(status(node.identity, uptime, moment, random)),
    collectives: JSON.stringify([moment.collective]),
    build_info: `{"version":"${VERSION}","sha":"unknown"}`,
    machines: "[]",
  };
  return `{${Object.entries(parts)
    .map(([name, json]) => `"${name}":${json}`)
    .join(",")}}`;
}

function status(identity: string, uptime: number, moment: Moment, random: Random) {
  const total = between(random, 1, 1_000);
  return {
    identity,
    uptime,
    connected_server: moment.server,
    last_message: Math.floor(moment.nowMs / 1_000) - between(random, 1, 60),
    provisioning_mode: false,
    stats: { total, valid: total, invalid: 0, passed: total, filtered: 0, replies: total, ttlexpired: 0, events: 1 },
  };
}

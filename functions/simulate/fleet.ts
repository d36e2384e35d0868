import { setTimeout as wait } from "node:timers/promises";
import { ATTACK_NAMES, ATTACKS, composeHostile, composeReport } from "./hostile.ts";
import { nodeIdentity } from "./identity.ts";
import { type FleetProtocol, makeNode, type ReportMoment, registrationFields, type SimulatedNode } from "./node.ts";
import type { SimulatedPki } from "./pki.ts";
import type { FleetTally, Sent } from "./report.ts";
import { makeSchedule, nextStep } from "./schedule.ts";

export interface FleetSettings {
  readonly nodes: number;
  readonly intervalMs: number;
  readonly protocol: FleetProtocol;
  /** Share of hostile messages, 0 to 1. */
  readonly badShare: number;
  readonly collective: string;
}

/** A connection to publish on. */
export interface Outlet {
  publish(subject: string, body: Uint8Array): void;
  /** Resolves once the server has read everything published so far. */
  flush(): Promise<void>;
  /** For the messages' hop header and status. */
  readonly server: string;
}

export interface FleetPorts {
  readonly pki: SimulatedPki;
  readonly outlets: readonly [Outlet, ...Outlet[]];
  readonly tally: FleetTally;
  /** Monotonic, milliseconds. */
  readonly clock: () => number;
  /** Everything of a report that is not the node's: time, random numbers, compression. */
  readonly moment: () => Omit<ReportMoment, "server" | "collective" | "startedMs">;
}

/** Sending stops this long after the signal even when the server does not answer. */
const LAST_FLUSH_MS = 5_000;

/** Lets every node report once per interval until `signal` aborts; `ports.tally` counts. Rejects when signing fails. */
export async function runFleet(settings: FleetSettings, ports: FleetPorts, signal: AbortSignal): Promise<void> {
  const fleet = new Fleet(settings, ports);
  const schedule = makeSchedule(settings.nodes, settings.intervalMs);
  const startedAt = ports.clock();
  for (let next = 0; !signal.aborted; ) {
    const step = nextStep(schedule, ports.clock() - startedAt, next);
    if (step.skipped > 0) ports.tally.skipped(step.skipped);
    if (step.from === step.to) await wait(step.waitMs, undefined, { signal }).catch(() => {});
    else await fleet.send(step.from, step.to, signal);
    next = step.to;
  }
}

interface Outgoing extends Sent {
  readonly body: Buffer;
  readonly outlet: Outlet;
}

class Fleet {
  readonly #settings: FleetSettings;
  readonly #ports: FleetPorts;
  readonly #nodes = new Map<number, SimulatedNode>();
  readonly #startedMs: number;
  readonly #subject: string;

  constructor(settings: FleetSettings, ports: FleetPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#startedMs = ports.moment().nowMs;
    this.#subject = `${settings.collective}.broadcast.agent.registration`;
  }

  /** Signs and publishes the messages of one step, and counts those the server has read. */
  async send(from: number, to: number, signal: AbortSignal): Promise<void> {
    const numbers = Array.from({ length: to - from }, (_, place) => from + place);
    const batch = await Promise.all(numbers.map((number) => this.#compose(number)));
    for (const { outlet, body } of batch) outlet.publish(this.#subject, body);
    await Promise.all(this.#ports.outlets.map((outlet) => this.#confirm(outlet, batch, signal)));
  }

  async #confirm(outlet: Outlet, batch: readonly Outgoing[], signal: AbortSignal): Promise<void> {
    const own = batch.filter((message) => message.outlet === outlet);
    if (own.length === 0) return;
    const { tally } = this.#ports;
    if (await readByServer(outlet, signal)) tally.sent(own);
    else tally.unconfirmed(own.length);
  }

  async #compose(number: number): Promise<Outgoing> {
    const { nodes, collective, badShare } = this.#settings;
    const { pki, outlets } = this.#ports;
    const index = number % nodes;
    const node = this.#node(index);
    const { protocol } = node;
    const outlet = outlets[index % outlets.length] ?? outlets[0]; // one per node: its messages keep their order
    const moment = { ...this.#ports.moment(), collective, server: outlet.server, startedMs: this.#startedMs };
    const draft = { protocol, identity: node.profile.identity, fields: registrationFields(node, moment) };
    if (moment.random() >= badShare) return { protocol, outlet, expected: "ok", body: await composeReport(draft, pki) };
    const attack = ATTACK_NAMES[Math.floor(moment.random() * ATTACK_NAMES.length)] ?? "garbage";
    const victim = nodeIdentity((index + 1) % Math.max(2, nodes));
    const body = await composeHostile(attack, { ...draft, victim }, pki);
    return { protocol, outlet, expected: ATTACKS[attack][protocol], body };
  }

  #node(index: number): SimulatedNode {
    const node = this.#nodes.get(index) ?? makeNode(index, this.#settings.protocol);
    this.#nodes.set(index, node);
    return node;
  }
}

/** False when the connection was lost meanwhile: nobody knows what the server has read. */
function readByServer(outlet: Outlet, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let deadline: NodeJS.Timeout | undefined;
    const expire = () => {
      deadline = setTimeout(() => resolve(false), LAST_FLUSH_MS);
    };
    const settle = (read: boolean) => {
      signal.removeEventListener("abort", expire);
      clearTimeout(deadline);
      resolve(read);
    };
    if (signal.aborted) expire();
    else signal.addEventListener("abort", expire, { once: true });
    outlet.flush().then(
      () => settle(true),
      () => settle(false),
    );
  });
}

import { join } from "node:path";

/** Configuration files of go-choria, as an administrator would write them for the smallest network there is. */

export type Mode = "v1" | "v2";
export const COLLECTIVE = "mcollective";
/** The name its embedded nats-server gives itself. */
export const BROKER_NAME = "broker.fleet.test";
/** What the broker's certificate names, and everybody dials. */
export const HOST = "localhost";

/** Who somebody is, as lines of a configuration. */
export type SecurityLines = readonly string[];

const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

export const statusFileIn = (folder: string): string => join(folder, "status.json");

export interface BrokerSettings {
  readonly folder: string;
  readonly port: number;
  readonly security: SecurityLines;
  /** Further settings: adapters. */
  readonly extra: readonly string[];
}

/** A broker with Choria Streams; everything stays in its folder and on loopback. */
export function brokerConf({ folder, port, security, extra }: BrokerSettings): string {
  const streams = ["event", "machine", "advisory", "leader_election", "executor"];
  return text([
    `identity = ${BROKER_NAME}`,
    ...common(port, join(folder, "broker.log")),
    "plugin.choria.broker_network = true",
    "plugin.choria.network.listen_address = 127.0.0.1",
    `plugin.choria.network.client_port = ${port}`,
    `plugin.choria.network.public_url = ${HOST}:${port}`,
    `plugin.choria.network.stream.store = ${join(folder, "streams")}`,
    ...streams.map((stream) => `plugin.choria.network.stream.${stream}_replicas = 1`),
    "plugin.choria.network.system.user = system",
    "plugin.choria.network.system.password = system-password",
    ...security,
    ...extra,
  ]);
}

/** What a node reports about itself, and in which form. */
export interface Registration {
  readonly provider: "inventory_content" | "file_content";
  readonly compressed: boolean;
}

export interface NodeSettings {
  readonly identity: string;
  readonly folder: string;
  readonly port: number;
  readonly security: SecurityLines;
  readonly registration: Registration;
  /** A folder with autonomous agents. */
  readonly machines: string | null;
}

/** Seconds; with the splay off a node registers that often, first 1 to 4 s after its start (server/registration). */
const REGISTER_EVERY = 2;

/**
 * A node has one registration provider here: its manager has one clock for all of them, so two in one node publish
 * whichever is first (server/registration/registration.go).
 */
export function nodeConf({ identity, folder, port, security, registration, machines }: NodeSettings): string {
  const { provider, compressed } = registration;
  return text([
    `identity = ${identity}`,
    ...common(port, join(folder, "server.log")),
    `libdir = ${join(folder, "lib")}`,
    `plugin.yaml = ${join(folder, "facts.yaml")}`,
    `classesfile = ${join(folder, "classes.txt")}`,
    "rpcauthorization = 0",
    `registration = ${provider}`,
    `registerinterval = ${REGISTER_EVERY}`,
    "registration_splay = 0",
    `plugin.choria.registration.${provider}.compression = ${compressed}`,
    ...(provider === "file_content"
      ? [`plugin.choria.registration.file_content.data = ${join(folder, "inventory.json")}`]
      : []),
    `plugin.choria.submission.spool = ${join(folder, "spool")}`,
    ...(machines === null ? [] : [`plugin.choria.machine.store = ${machines}`]),
    `plugin.choria.status_file_path = ${statusFileIn(folder)}`,
    "plugin.choria.status_update_interval = 1",
    ...security,
  ]);
}

export function clientConf(folder: string, identity: string, port: number, security: SecurityLines): string {
  return text([`identity = ${identity}`, ...common(port, join(folder, `${identity}.log`)), ...security]);
}

function common(port: number, logFile: string): readonly string[] {
  return [
    `collectives = ${COLLECTIVE}`,
    `main_collective = ${COLLECTIVE}`,
    `logfile = ${logFile}`,
    "loglevel = info",
    `plugin.choria.middleware_hosts = nats://${HOST}:${port}`,
  ];
}

/** An autonomous agent that goes from one state to the other every second; a node slows it down after 20 turns. */
export const BLINKER = text([
  "name: blinker",
  "version: 1.0.0",
  "initial_state: dark",
  "splay_start: 0",
  "transitions:",
  "  - {name: turn_on, from: [dark], destination: bright}",
  "  - {name: turn_off, from: [bright], destination: dark}",
  "watchers:",
  "  - {name: lit, type: timer, state_match: [bright], fail_transition: turn_off, interval: 1s, properties: {timer: 1s}}",
  "  - {name: check, type: exec, state_match: [dark], success_transition: turn_on, interval: 1s, properties: {command: /bin/true}}",
]);

import { COLLECTIVE, SUBJECT } from "../../load.ts";
import type { Place } from "../place.ts";
import { ADAPTER, HOST } from "./security.ts";

export interface AdapterSettings {
  /** Where the messages come from. */
  readonly url: string;
  readonly place: Place;
  readonly logFile: string;
  readonly statsPort: number;
  /** Who it is. */
  readonly security: readonly string[];
}

const PREFIX = "plugin.choria.adapter.inventory";
const serverOf = (url: string): string => `${HOST}:${new URL(url).port}`;

/** Configuration of a Choria broker that runs nothing but an adapter, with go-choria's defaults wherever there are some. */
export function adapterConf({ url, place, logFile, statsPort, security }: AdapterSettings): string {
  const lines = [
    `identity = ${ADAPTER}`,
    `collectives = ${COLLECTIVE}`,
    `main_collective = ${COLLECTIVE}`,
    `logfile = ${logFile}`,
    "loglevel = warn",
    `plugin.choria.middleware_hosts = nats://${serverOf(url)}`,
    `plugin.choria.stats_port = ${statsPort}`,
    "plugin.choria.adapters = inventory",
    `${PREFIX}.type = jetstream`,
    `${PREFIX}.ingest.topic = ${SUBJECT}`,
    `${PREFIX}.ingest.protocol = request`,
    `${PREFIX}.stream.servers = ${serverOf(place.url)}`,
    `${PREFIX}.stream.topic = bench.${place.stream}.%s`,
    ...security,
  ];
  return `${lines.join("\n")}\n`;
}

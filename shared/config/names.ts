import type { Config } from "./schema.ts";

/** The two streams of our own: rejected messages, and those a job gave up on. */
export type KeptSection = "quarantine" | "deadLetters";

export const KEPT_SECTIONS: readonly KeptSection[] = ["quarantine", "deadLetters"];

/** The name on the server of an entry of `streams`. */
export function streamName(config: Pick<Config, "streams">, entry: string): string {
  return config.streams[entry]?.name ?? entry;
}

/** Every subject of a kept stream starts with its name: `CHORIA_QUARANTINE.>`. */
export function keptFilter(section: { readonly name: string }): string {
  return `${section.name}.>`;
}

/** The connection a kept stream lives on: its own, that of the first stream, or the first; null when there is none. */
export function keptConnection(config: Config, section: KeptSection): string | null {
  const first = Object.values(config.streams)[0]?.connection ?? Object.keys(config.connections)[0];
  return config[section].connection ?? first ?? null;
}

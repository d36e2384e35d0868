import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../docs/deploy/systemd", import.meta.url));

export const UNIT_NAMES = ["choria-bridge.service", "choria-worker@.service", "choria-dispatcher.service"] as const;

export interface Unit {
  readonly name: string;
  readonly text: string;
  /** Every value of a key, in the order of the file; a section's name stands before the key: `Service.ExecStart`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

export const exampleFolder = folder;

export function readUnit(name: string): Unit {
  const text = readFileSync(`${folder}/${name}`, "utf8");
  return { name, text, values: parseUnit(text) };
}

/** The last value of a key, which is the one that counts where a key is no list; "" when there is none. */
export function settingOf(unit: Unit, key: string): string {
  return unit.values.get(key)?.at(-1) ?? "";
}

/** Throws for a line that is neither section, comment nor assignment. */
function parseUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n").filter((found) => found !== "" && !/^[#;]/.test(found))) {
    const [, header] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key, value = ""] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
    if (header !== undefined) section = header;
    else if (key === undefined) throw new Error(`not a line of a unit: ${line}`);
    else values.set(`${section}.${key}`, [...(values.get(`${section}.${key}`) ?? []), value]);
  }
  return values;
}

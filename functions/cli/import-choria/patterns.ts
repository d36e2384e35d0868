import { patternText } from "../../../shared/config/texts.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import type { Report } from "./report.ts";

/** What Go's regular expressions know and JavaScript reads otherwise, without an error. */
const ONLY_GO = /(?<!\\)(?:\\\\)*\\[QECapP]|\[\[:|\(\?[imsUP-]/;

/** A pattern as the bridge has it; `/…/` loses its slashes as in filesec/util.go. Null for one it cannot say. */
export function ourPattern(text: string): string | null {
  const bare = /^\/.+\/$/.test(text) ? text.replace(/^\/+|\/+$/g, "") : text;
  if (ONLY_GO.test(bare)) return null;
  const translated = bare.replace(/\\(.)/g, (pair, what) => (what === "A" ? "^" : what === "z" ? "$" : pair));
  return patternText().safeParse(translated).success ? translated : null;
}

/** The patterns of a list setting, or go-choria's defaults. Whatever cannot be taken is left out, so fewer are let in. */
export function patternList(settings: BrokerSettings, report: Report, key: string, defaults: readonly string[]) {
  const written = settings.list(key);
  if (written === null) {
    report.remark("default", `${key} is not set: ${defaults.join(", ")}`);
    return defaults;
  }
  return written.flatMap((text): readonly string[] => {
    if (text === "") {
      report.remark("changed", `${key} has an empty pattern, which lets everybody in at go-choria: left out`);
      return [];
    }
    const pattern = ourPattern(text);
    if (pattern === null) {
      report.remark("choose", `${key}: the pattern ${text} cannot be taken as it is and is left out; write another`);
      return [];
    }
    return [pattern];
  });
}

/** A pattern for every name in a domain. */
export function domainPattern(domain: string): string {
  return `\\.${domain.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
}

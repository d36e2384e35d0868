import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Mode } from "./settings.ts";

const DOCUMENT = new URL("../../../docs/choria.md", import.meta.url);
const SECTIONS: Readonly<Record<Mode, string>> = { v1: "v1: a client certificate", v2: "v2: a client token" };

/** What docs/choria.md tells an operator to do: run here word for word, so that it stays true. */
export interface Documented {
  /** Shell commands that make the bridge's keys and its token, where the issuer's seed is. */
  issue(flags: string): string;
  /** Those that put a new token in the place of the old one. */
  renew(flags: string): string;
  /** The flags of the documented token. */
  readonly flags: string;
  /** The connection `broker` of the configuration that goes with it. */
  readonly connections: Readonly<Record<Mode, object>>;
}

export function readDocumented(): Documented {
  const text = readFileSync(DOCUMENT, "utf8");
  const [keys = "", token = ""] = blocks(text, SECTIONS.v2, "sh");
  const [renewal = ""] = blocks(text, "Renewal", "sh");
  const flags = /--public-key "\$\(cat bridge\.public\)" \\\n([\s\S]+)$/.exec(token)?.[1];
  assert.ok(flags !== undefined, "docs/choria.md: no flags after the public key of the token");
  assert.ok(renewal.includes(" … "), "docs/choria.md: the renewal does not stand for the same flags");
  return {
    flags,
    issue: (changed) => `${keys}\n${token.replace(flags, () => changed)}`,
    renew: (changed) => renewal.replace("…", () => changed.trim()),
    connections: { v1: connectionIn(text, "v1"), v2: connectionIn(text, "v2") },
  };
}

function connectionIn(text: string, mode: Mode): object {
  const [yaml = ""] = blocks(text, SECTIONS[mode], "yaml");
  const connection = parse(yaml)?.connections?.broker;
  assert.ok(connection?.tls !== undefined, `docs/choria.md: no connection to a broker of ${mode}`);
  return connection;
}

/** Fenced code of a language below a heading of the second level. */
function blocks(text: string, heading: string, language: string): readonly string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `docs/choria.md has no section "${heading}"`);
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\`$`, "gm"))].map(
    ([, code = ""]) => code,
  );
}

import type { DenySettings } from "../choria/settings.ts";

/**
 * The file of `trust.deny.file`: one entry a line, `#` begins a comment. 64 hex characters are a public key; anything else
 * is the id of a token and the name of an identity, for nothing tells the two apart.
 */

/** ed25519, either case. */
export const PUBLIC_KEY = /^[0-9a-fA-F]{64}$/;
/** More is no id and no name, but a file that is something else. */
const MAX_CHARACTERS = 1_024;

export function readDenyList(text: string): DenySettings {
  const entries = entriesOf(text).map(({ entry }) => entry);
  const names = entries.filter((entry) => !PUBLIC_KEY.test(entry));
  return { tokens: names, publicKeys: entries.filter((entry) => PUBLIC_KEY.test(entry)), identities: names };
}

/**
 * What is wrong with the file; null when nothing is. A list that was written by half would let in what its lost half denies:
 * the last line has to end, and a list of nobody has to say so in a comment.
 */
export function denyListFault(text: string): string | null {
  if (text.trim() === "") return "it is empty (a list of nobody says so in a comment)";
  if (!text.endsWith("\n")) return "its last line has no end: it may be half of a file";
  const broken = entriesOf(text).find(({ entry }) => faultOf(entry) !== null);
  return broken === undefined ? null : `line ${broken.line} ${faultOf(broken.entry)}`;
}

function entriesOf(text: string): readonly { readonly line: number; readonly entry: string }[] {
  return text
    .split(/\r?\n/)
    .map((line, index) => ({ line: index + 1, entry: line.replace(/#.*$/, "").trim() }))
    .filter(({ entry }) => entry !== "");
}

function faultOf(entry: string): string | null {
  if (/\s/.test(entry)) return "has more than one entry";
  if (entry.includes("=")) return 'has a caller: write what stands after "="';
  if (entry.startsWith("-----BEGIN"))
    return "begins a PEM block: certificates of protocol v1 are revoked by trust.v1.crl";
  return entry.length > MAX_CHARACTERS ? `has more than ${MAX_CHARACTERS} characters` : null;
}

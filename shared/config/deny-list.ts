import type { DenySettings } from "../choria/settings.ts";

/**
 * The file of `trust.deny.file`: one entry a line, `#` begins a comment. 64 hex characters are a public key; anything else
 * is the id of a token and the name of an identity, for nothing tells the two apart.
 */

/** ed25519, either case. */
export const PUBLIC_KEY = /^[0-9a-fA-F]{64}$/;
/** A key that lost or won an end. Ids and names may be hex too: a UUID has 32 characters, digests 40, 56, 96 or 128. */
const ALMOST_PUBLIC_KEY = /^[0-9a-fA-F]{57,71}$/;
/** The header and claims of a JWT: nobody's id. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\./;
/** More is no id and no name, but something else. */
const MAX_CHARACTERS = 1_024;

/** What is wrong with an entry, and what to do about it. */
export interface EntryFault {
  readonly problem: string;
  readonly fix: string;
}

/** What to write instead, which depends on what else the place of an entry can hold. */
interface Place {
  readonly forAny: string;
  readonly forToken: string;
  readonly forKey: string;
}

const FILE: Place = {
  forAny: "write an id, a public key or a name",
  forToken: "write its id (jti)",
  forKey: "a public key has 64: write all of it",
};
const TOKENS: Place = {
  forAny: "write the id of a token (jti)",
  forToken: "write its id (jti)",
  forKey: "a public key has 64, and belongs in trust.deny.publicKeys",
};
const IDENTITIES: Place = {
  forAny: "write the name of an identity",
  forToken: "write its id (jti) in trust.deny.tokens, or the name of its identity here",
  forKey: "write the name of an identity; a public key has 64, and belongs in trust.deny.publicKeys",
};

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
  for (const { line, entry } of entriesOf(text)) {
    const fault = PUBLIC_KEY.test(entry) ? null : (entryFault(entry, FILE) ?? callerFault(entry));
    if (fault !== null) return `line ${line} ${fault.problem}: ${fault.fix}`;
  }
  return null;
}

/**
 * What keeps a text from being the id of a token: an entry that denies nobody would be found out when it is too late. Entries
 * of the configuration are held to the same rules as those of the file.
 */
export function tokenFault(entry: string): EntryFault | null {
  return keyFault(entry) ?? entryFault(entry, TOKENS);
}

/** What keeps a text from being the name of an identity. */
export function identityFault(entry: string): EntryFault | null {
  return callerFault(entry) ?? keyFault(entry) ?? entryFault(entry, IDENTITIES);
}

function entryFault(entry: string, { forAny, forToken, forKey }: Place): EntryFault | null {
  if (entry.startsWith("-----BEGIN")) {
    return { problem: "begins a PEM block", fix: "certificates of protocol v1 are revoked by trust.v1.crl" };
  }
  if (/\s/.test(entry)) {
    return { problem: "has more than one entry", fix: "write each on its own, without white space" };
  }
  if (entry.length > MAX_CHARACTERS) {
    return { problem: `has more than ${MAX_CHARACTERS} characters`, fix: forAny };
  }
  if (TOKEN.test(entry)) return { problem: "is a whole token", fix: forToken };
  const isAlmostKey = ALMOST_PUBLIC_KEY.test(entry) && !PUBLIC_KEY.test(entry);
  return isAlmostKey ? { problem: `is hex of ${entry.length} characters`, fix: forKey } : null;
}

function keyFault(entry: string): EntryFault | null {
  if (!PUBLIC_KEY.test(entry)) return null;
  return { problem: "is a public key", fix: "put it in trust.deny.publicKeys" };
}

function callerFault(entry: string): EntryFault | null {
  if (!entry.includes("=")) return null;
  return { problem: "is a caller, not an identity", fix: 'write what stands after "="' };
}

function entriesOf(text: string): readonly { readonly line: number; readonly entry: string }[] {
  return text
    .split(/\r?\n/)
    .map((line, index) => ({ line: index + 1, entry: line.replace(/#.*$/, "").trim() }))
    .filter(({ entry }) => entry !== "");
}

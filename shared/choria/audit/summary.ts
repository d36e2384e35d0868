import { hash } from "node:crypto";
import type { TrustSettings } from "../settings.ts";
import type { Trust, V1Trust } from "../trust.ts";
import type { RevocationList } from "../x509/revocation.ts";

/** What a trust rests on, in words for an audit log: certificates by fingerprint, public keys, names. Nothing of it is secret. */
export interface TrustSummary {
  /** SHA-256, lower hex, over everything that a verdict depends on. */
  readonly digest: string;
  /** Setting below `trust` -> its entries. */
  readonly entries: ReadonlyMap<string, readonly string[]>;
}

/** Only of settings that `trust` was made of. */
export function summarizeTrust(settings: TrustSettings, trust: Trust): TrustSummary {
  const { v1, v2, deny, collectives, ttl, limits, cacheEntries } = settings;
  const entries: [setting: string, entries: readonly string[]][] = [];
  if (v1 !== null && trust.v1 !== null) {
    entries.push(["v1.ca", anchorsOf(trust.v1)]);
    entries.push(["v1.crl", trust.v1.anchors.revocationLists.map(listText)]);
    entries.push(["v1.acceptStaleCrl", [String(v1.acceptStaleCrl)]]);
    entries.push(["v1.allow", v1.allow], ["v1.privileged", v1.privileged], ["v1.nodes", v1.nodes]);
    entries.push(["v1.allowInsecureRegistration", [String(v1.allowInsecureRegistration)]]);
  }
  if (v2 !== null) {
    entries.push(["v2.issuers", Object.entries(v2.issuers ?? {}).map(([unit, key]) => `${unit} ${key.toLowerCase()}`)]);
    entries.push(["v2.trustedSigners", (v2.trustedSigners ?? []).map((key) => key.toLowerCase())]);
    entries.push(["v2.requireSignedReplies", [String(v2.requireSignedReplies)]]);
    entries.push(["v2.delegatorsMayNameAnyCaller", [String(v2.delegatorsMayNameAnyCaller)]]);
  }
  entries.push(
    ["deny.tokens", deny.tokens],
    ["deny.publicKeys", deny.publicKeys],
    ["deny.identities", deny.identities],
  );
  entries.push(["collectives", collectives]);
  entries.push(["ttl", [`${ttl.minSeconds} s to ${ttl.maxSeconds} s`]]);
  entries.push(
    ["limits", [`${limits.maxBytes} bytes, depth ${limits.maxDepth}`]],
    ["cacheEntries", [String(cacheEntries)]],
  );
  return { digest: hash("sha256", JSON.stringify(settings)), entries: new Map(entries) };
}

function anchorsOf({ anchors }: V1Trust): readonly string[] {
  return [...anchors.certificates].map(([{ fingerprint256 }, { subject }]) => `${subject} SHA-256 ${fingerprint256}`);
}

function listText({ issuer, number, revokedSerials, nextUpdateMs }: RevocationList): string {
  const due = Number.isFinite(nextUpdateMs) ? `next update ${new Date(nextUpdateMs).toISOString()}` : "no next update";
  return `${issuer} number ${number === null ? "none" : `0x${number}`}, ${revokedSerials.size} revoked, ${due}`;
}

/** Of one setting. A list of thousands is shown by its number and its first entries. */
export interface SettingChange {
  readonly added: number;
  readonly removed: number;
  /** At most 20 of each, marked `+` and `-`. */
  readonly entries: readonly string[];
}

const MOST_SHOWN = 20;

/** What has changed, setting by setting; empty when nothing has that words could tell. */
export function trustChanges(before: TrustSummary, after: TrustSummary): Readonly<Record<string, SettingChange>> {
  const settings = new Set([...before.entries.keys(), ...after.entries.keys()]);
  return Object.fromEntries(
    [...settings].flatMap((setting) => {
      const change = changeOf(before.entries.get(setting) ?? [], after.entries.get(setting) ?? []);
      return change.added + change.removed === 0 ? [] : [[setting, change] as const];
    }),
  );
}

function changeOf(before: readonly string[], after: readonly string[]): SettingChange {
  const [old, now] = [new Set(before), new Set(after)];
  const added = [...now].filter((entry) => !old.has(entry));
  const removed = [...old].filter((entry) => !now.has(entry));
  const shown = [
    ...removed.slice(0, MOST_SHOWN).map((entry) => `- ${entry}`),
    ...added.slice(0, MOST_SHOWN).map((entry) => `+ ${entry}`),
  ];
  return { added: added.length, removed: removed.length, entries: shown };
}

/** How much of everything there is, for the line at the start. */
export function trustCounts({ entries }: TrustSummary): Readonly<Record<string, number>> {
  const counted = ["v1.ca", "v1.crl", "v2.issuers", "v2.trustedSigners"];
  const denied = ["deny.tokens", "deny.publicKeys", "deny.identities"];
  return Object.fromEntries([...counted, ...denied].map((setting) => [setting, entries.get(setting)?.length ?? 0]));
}

/** When the first of the revocation lists is due for renewal, Unix milliseconds; null without one that says so. */
export function firstListDueMs({ v1 }: Trust): number | null {
  const due = (v1?.anchors.revocationLists ?? []).map(({ nextUpdateMs }) => nextUpdateMs).filter(Number.isFinite);
  return due.length === 0 ? null : Math.min(...due);
}

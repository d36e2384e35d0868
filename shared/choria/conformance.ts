import * as z from "zod";
import type { ValidatedMessage, Verdict } from "./message.ts";
import { parseRfc3339 } from "./rfc3339.ts";
import { NOBODY } from "./rules/deny.ts";
import type { TrustSettings } from "./settings.ts";
import { createTrust } from "./trust.ts";
import { validate } from "./validate.ts";

/** One test vector; fields that no verdict depends on are ignored. */
export const vectorSchema = z.object({
  name: z.string(),
  kind: z.enum(["registration", "request", "reply"]),
  profile: z.string(),
  tier: z.enum(["core", "hardening", "optional", "either"]),
  expect: z.enum(["accept", "reject"]),
  reason: z.string(),
  reason_any: z.array(z.string()).default([]),
  now: z.string().refine((text) => parseRfc3339(text) !== null, { error: "must be an RFC 3339 time" }),
  raw: z.base64(),
  expected: z
    .object({
      sender: z.string(),
      caller: z.string(),
      requestid: z.string(),
      agent: z.string(),
      collective: z.string(),
      ttl: z.number(),
      time: z.string(),
      payload_b64: z.string(),
      authenticated: z.boolean(),
    })
    .partial()
    .nullish(),
});

/** The trust a vector is judged under; files are named relative to the folder. */
export const profileSchema = z.object({
  protocol: z.enum(["v1", "v2"]),
  ca: z.string().optional(),
  crl: z.string().optional(),
  allow: z.array(z.string()).default([]),
  privileged: z.array(z.string()).default([]),
  node_allow: z.array(z.string()).default([]),
  issuers: z.record(z.string(), z.string()).optional(),
  trusted_signers: z.array(z.string()).optional(),
  require_signed_replies: z.boolean(),
  allow_insecure_registration: z.boolean(),
  min_ttl: z.number(),
  max_ttl: z.number(),
  collectives: z.array(z.string()),
});

export type Vector = z.output<typeof vectorSchema>;
export type Profile = z.output<typeof profileSchema>;

/** Texts of the files a profile names. */
export interface ProfileFiles {
  readonly caPem: string;
  readonly crlPem: string;
}

export interface Mismatch {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

const LIMITS = { maxBytes: 1_048_576, maxDepth: 32 };
const CACHE_ENTRIES = 1_000;

/** The difference between what a vector demands and what validation says; null when there is none. */
export async function judgeVector(vector: Vector, profile: Profile, files: ProfileFiles): Promise<Mismatch | null> {
  const trust = createTrust(trustSettings(profile, files, vector.tier === "optional"));
  const raw = Buffer.from(vector.raw, "base64");
  const nowMs = Number((parseRfc3339(vector.now) ?? 0n) / 1_000_000n);
  const verdict = await validate(raw, vector.kind, trust, nowMs);
  if (vector.tier === "either") return null;
  const expected = expectation(vector);
  const got = outcome(verdict);
  if (!expected.includes(got)) return { name: vector.name, expected: expected.join(" or "), got: explained(verdict) };
  return verdict.ok ? valueMismatch(vector, verdict.message) : null;
}

function trustSettings(profile: Profile, files: ProfileFiles, isOptional: boolean): TrustSettings {
  const { allow, privileged, node_allow: nodes, allow_insecure_registration: allowInsecureRegistration } = profile;
  const v1 = { ...files, acceptStaleCrl: false, allow, privileged, nodes, allowInsecureRegistration };
  const v2 = {
    issuers: profile.issuers ?? null,
    trustedSigners: profile.trusted_signers ?? null,
    requireSignedReplies: profile.require_signed_replies,
    delegatorsMayNameAnyCaller: isOptional,
  };
  return {
    v1: profile.protocol === "v1" ? v1 : null,
    v2: profile.protocol === "v2" ? v2 : null,
    deny: NOBODY,
    collectives: profile.collectives,
    ttl: { minSeconds: profile.min_ttl, maxSeconds: profile.max_ttl },
    limits: LIMITS,
    cacheEntries: CACHE_ENTRIES,
  };
}

function expectation({ expect, reason, reason_any }: Vector): readonly string[] {
  return [reason, ...reason_any].map((code) => `${expect} ${code}`);
}

function outcome(verdict: Verdict): string {
  return verdict.ok ? `accept ${verdict.message.code}` : `reject ${verdict.rejection.code}`;
}

function explained(verdict: Verdict): string {
  return verdict.ok ? outcome(verdict) : `${outcome(verdict)} (${verdict.rejection.detail})`;
}

/** Times are compared to the millisecond: not every implementation carries nanoseconds. */
function valueMismatch(vector: Vector, message: ValidatedMessage): Mismatch | null {
  const { time, ...expected } = vector.expected ?? {};
  const got: Readonly<Record<string, unknown>> = comparable(message);
  const wrong = Object.entries(expected).find(([field, value]) => got[field] !== value);
  if (wrong !== undefined) return mismatch(vector, wrong[0], wrong[1], got[wrong[0]]);
  const expectedMs = time === undefined ? null : (parseRfc3339(time) ?? 0n) / 1_000_000n;
  const gotMs = message.timeNs / 1_000_000n;
  return expectedMs === null || expectedMs === gotMs ? null : mismatch(vector, "time", expectedMs, gotMs);
}

function comparable(message: ValidatedMessage) {
  return {
    sender: message.sender,
    caller: message.caller,
    requestid: message.requestId,
    agent: message.agent,
    collective: message.collective,
    ttl: message.ttlSeconds,
    payload_b64: Buffer.from(message.payload).toString("base64"),
    authenticated: message.proof === "signature",
  };
}

function mismatch(vector: Vector, field: string, expected: unknown, got: unknown): Mismatch {
  return { name: vector.name, expected: `${field} ${String(expected)}`, got: `${field} ${String(got)}` };
}

import type { Kind, ValidatedMessage, Verdict } from "./message.ts";
import { Refusal } from "./refusal.ts";
import type { Trust } from "./trust.ts";
import { judgeV1Reply, judgeV1Request } from "./v1.ts";
import { judgeV2Reply, judgeV2Request } from "./v2.ts";
import { readSecure } from "./wire/secure.ts";
import { readTransport } from "./wire/transport.ts";

/**
 * The verdict on a message's bytes, taken from a subject that carries `kind`, at `nowMs`; what is revoked is judged as of
 * `revocationMs` (both Unix milliseconds). `auto` is the verdict of the kind that the message says it is, and costs no
 * second parse. The checks run in the order of the codes in REJECTION_CODES, the first that fails gives its code. Never
 * rejects, whatever the bytes are.
 */
export async function validate(
  raw: Uint8Array,
  kind: Kind | "auto",
  trust: Trust,
  nowMs: number,
  revocationMs: number = nowMs,
): Promise<Verdict> {
  return verdictOf(() => judge({ raw, kind, trust, nowMs, revocationMs }));
}

/** The verdict that a judgement comes to. Never rejects. */
export async function verdictOf(judgement: () => Promise<ValidatedMessage | Refusal>): Promise<Verdict> {
  try {
    const result = await judgement();
    if (!(result instanceof Refusal)) return { ok: true, message: result };
    return { ok: false, rejection: { code: result.code, detail: result.detail } };
  } catch (error) {
    // No input is known to lead here; should one, it must cost one message and not the process.
    const name = error instanceof Error ? error.name : typeof error;
    return { ok: false, rejection: { code: "bad_message", detail: `validation itself failed (${name})` } };
  }
}

interface Case {
  readonly raw: Uint8Array;
  readonly kind: Kind | "auto";
  readonly trust: Trust;
  readonly nowMs: number;
  readonly revocationMs: number;
}

async function judge({ raw, kind, trust, nowMs, revocationMs }: Case): Promise<ValidatedMessage | Refusal> {
  const { v1, v2, limits } = trust;
  const transport = readTransport(raw, limits, { v1: v1 !== null, v2: v2 !== null });
  if (transport instanceof Refusal) return transport;
  const { protocol } = transport;
  const secure = readSecure(transport.secure, { protocol, kind, maxDepth: limits.maxDepth });
  if (secure instanceof Refusal) return secure;
  if (protocol === "v1" && v1 !== null) {
    const context = { trust, v1, nowMs, revocationMs };
    return "hash" in secure
      ? judgeV1Reply({ transport, secure }, context)
      : judgeV1Request({ transport, secure, kind }, context);
  }
  if (v2 === null) return new Refusal("protocol_not_enabled", `protocol ${protocol} has no trust configured`);
  const context = { trust, v2, nowMs };
  return "hash" in secure
    ? judgeV2Reply({ transport, secure }, context)
    : judgeV2Request({ transport, secure, kind }, context);
}

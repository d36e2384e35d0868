import { Refusal } from "../../shared/choria/refusal.ts";
import { readRequest } from "../../shared/choria/wire/inner.ts";
import { readSecure } from "../../shared/choria/wire/secure.ts";
import { readTransport } from "../../shared/choria/wire/transport.ts";

const LIMITS = { maxBytes: 1_048_576, maxDepth: 32 };

/** The id in a registration; nothing is verified. Throws for what is none. */
export function requestIdOf(message: Uint8Array): string {
  const transport = readTransport(message, LIMITS, { v1: true, v2: true });
  if (transport instanceof Refusal) throw new Error(transport.detail);
  const { protocol } = transport;
  const secure = readSecure(transport.secure, { protocol, kind: "registration", maxDepth: LIMITS.maxDepth });
  if (secure instanceof Refusal) throw new Error(secure.detail);
  const inner = readRequest(secure.signed, protocol, LIMITS.maxDepth);
  if (inner instanceof Refusal) throw new Error(inner.detail);
  return inner.requestId;
}

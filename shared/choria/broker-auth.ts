import { createHash, createPublicKey, sign } from "node:crypto";
import { Refusal } from "./refusal.ts";
import { CLIENT, type Claims, readClaims, SERVER } from "./token/claims.ts";
import { ed25519Bytes, ed25519FromSeed, HEX_KEY } from "./token/key.ts";

/** What a client shows Choria's broker with protocol v2: its token, and a signature over the nonce the broker sent. */
export interface BrokerCredentials {
  /** Goes into `auth_token` of the NATS CONNECT; the broker does not look into `jwt` (go-choria choria_auth.go). */
  readonly token: string;
  /** `choria=bridge`. */
  readonly callerId: string;
  /** The only place where the broker lets this caller listen for replies. */
  readonly inboxPrefix: string;
  /** Milliseconds since 1970; null where the token does not say. */
  readonly issuedAtMs: number | null;
  /** Milliseconds since 1970; of the token or of its chain issuer, whichever is first. */
  readonly expiresAtMs: number | null;
  /** The signature over the nonce as text: base64url without padding, as the broker decodes it. */
  sign(nonce: string): string;
}

/** Which of the two files is of no use, why, and what mends it. */
export interface BrokerFault {
  readonly at: "token" | "seed";
  readonly problem: string;
  readonly fix: string;
}

const MAX_DEPTH = 32;

/**
 * Credentials from the text of a client token (`choria jwt client`) and of its seed (`choria jwt keys`), or what is wrong
 * with them. That the token was signed by the broker's issuer, and is in its time, is the broker's to say.
 */
export function brokerCredentials(
  { token, seed }: { readonly token: string; readonly seed: string },
  collective: string,
): BrokerCredentials | BrokerFault {
  const claims = readClaims(token, MAX_DEPTH);
  if (claims instanceof Refusal) return badToken(`does not hold a token: ${claims.detail}`, ISSUE_TOKEN);
  const { callerId, publicKey } = claims;
  if (claims.purpose !== CLIENT) return badToken(purposeProblem(claims), ISSUE_TOKEN);
  if (callerId === null) return badToken("holds a token without a caller id", ISSUE_TOKEN);
  if (publicKey === null) return badToken("holds a token without a public key", `${ISSUE_TOKEN} --public-key KEY`);
  if (!HEX_KEY.test(seed)) {
    return badSeed("does not hold an ed25519 seed of 64 hex characters", "name the first file of `choria jwt keys`");
  }
  const key = ed25519FromSeed(Buffer.from(seed, "hex"));
  if (ed25519Bytes(createPublicKey(key)).toString("hex") !== publicKey.toLowerCase()) {
    const fix = `name the seed whose public key went into the token, or ${ISSUE_TOKEN} with this one's --public-key`;
    return badSeed(`is not the seed of the token's public key (${publicKey})`, fix);
  }
  return {
    token,
    callerId,
    inboxPrefix: `${collective}.reply.${createHash("md5").update(callerId).digest("hex")}`,
    issuedAtMs: milliseconds(claims.issuedAt ?? claims.notBefore),
    expiresAtMs: firstEnd(claims),
    sign: (nonce) => sign(null, Buffer.from(nonce, "utf8"), key).toString("base64url"),
  };
}

const ISSUE_TOKEN = "issue a client token with `choria jwt client`";

/** A broker lets a node's token in too, and then shows it nothing but what a node may see. */
function purposeProblem({ purpose, identity }: Claims): string {
  if (purpose === SERVER) return `holds the server token of node ${identity ?? "(unnamed)"}, not a client token`;
  return `holds a token for "${purpose}", not a client token`;
}

function badToken(problem: string, fix: string): BrokerFault {
  return { at: "token", problem, fix };
}

function badSeed(problem: string, fix: string): BrokerFault {
  return { at: "seed", problem, fix };
}

function firstEnd({ expiresAt, issuerExpiresAt }: Claims): number | null {
  const ends = [expiresAt, issuerExpiresAt].filter((end) => end !== null);
  return ends.length === 0 ? null : Math.min(...ends) * 1_000;
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}

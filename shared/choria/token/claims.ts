import { quoted, Refusal } from "../refusal.ts";
import { decodeBase64Url } from "../wire/base64.ts";
import { isJsonObject, type JsonDocument, type JsonObject, readJson, shape } from "../wire/json.ts";
import { decodeUtf8 } from "../wire/utf8.ts";

export const CLIENT = "choria_client_id";
export const SERVER = "choria_server";

/** The claims that matter to a receiver. Unverified until `verifyToken` has said so. */
export interface Claims {
  /** Empty for a token without one. */
  readonly purpose: string;
  /** ed25519, 64 hex characters when well-formed; null when absent. */
  readonly publicKey: string | null;
  readonly organisationUnit: string | null;
  /** Client tokens. */
  readonly callerId: string | null;
  /** Server tokens. */
  readonly identity: string | null;
  readonly collectives: readonly string[];
  readonly permissions: ReadonlySet<string>;
  readonly issuer: string;
  readonly trustChain: string | null;
  readonly id: string | null;
  /** Seconds since 1970, as RFC 7519 has them. */
  readonly issuedAt: number | null;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
  readonly issuerExpiresAt: number | null;
}

/** Real tokens have some 600 bytes; policies may make them larger. */
const MAX_TOKEN_CHARACTERS = 65_536;
const ALGORITHM = "EdDSA";
const CLAIMS = shape(
  ...["purpose", "public_key", "tcs", "issexp", "iss", "exp", "nbf", "iat", "jti", "sub", "ou", "callerid", "agents"],
  ...["user_properties", "opa_policy", "permissions", "pub_subjects", "sub_subjects", "identity", "collectives"],
);

/** Structure, algorithm and types of a JWT, in this order; nothing is verified. */
export function readClaims(token: string, maxDepth: number): Claims | Refusal {
  const [header, payload, signature, ...rest] = token.length <= MAX_TOKEN_CHARACTERS ? token.split(".", 4) : [];
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return malformed("is no JWT of three parts, or too long");
  }
  const head = readPart(header, maxDepth);
  if (head === null || decodeBase64Url(signature) === null) return malformed("has a part that cannot be decoded");
  if (head.root["alg"] !== ALGORITHM) return new Refusal("token_alg", `the token's alg is ${shown(head.root["alg"])}`);
  const body = readPart(payload, maxDepth);
  if (body === null) return malformed("has claims that cannot be decoded");
  if (body.ambiguousKey !== null) return new Refusal("ambiguous_key", `token claim ${quoted(body.ambiguousKey)}`);
  return readFields(body.root) ?? malformed("has a claim of the wrong type");
}

function readPart(part: string, maxDepth: number): JsonDocument | null {
  const bytes = decodeBase64Url(part);
  const text = bytes === null ? null : decodeUtf8(bytes);
  const document = text === null ? "syntax" : readJson(text, CLAIMS, maxDepth);
  return typeof document === "string" ? null : document;
}

function readFields(claims: JsonObject): Claims | null {
  const { collectives = [], permissions = {} } = claims;
  if (!Array.isArray(collectives) || !collectives.every((name) => typeof name === "string")) return null;
  if (!isJsonObject(permissions)) return null;
  if (!TEXT_CLAIMS.every((name) => isAbsentOr("string", claims[name]))) return null;
  if (!TIME_CLAIMS.every((name) => isAbsentOr("number", claims[name]))) return null;
  return {
    purpose: text(claims["purpose"]) ?? "",
    publicKey: text(claims["public_key"]),
    organisationUnit: text(claims["ou"]),
    callerId: text(claims["callerid"]),
    identity: text(claims["identity"]),
    collectives,
    permissions: new Set(Object.keys(permissions).filter((name) => permissions[name] === true)),
    issuer: text(claims["iss"]) ?? "",
    trustChain: text(claims["tcs"]),
    id: text(claims["jti"]),
    issuedAt: seconds(claims["iat"]),
    notBefore: seconds(claims["nbf"]),
    expiresAt: seconds(claims["exp"]),
    issuerExpiresAt: seconds(claims["issexp"]),
  };
}

const TEXT_CLAIMS = ["purpose", "public_key", "ou", "callerid", "identity", "iss", "tcs", "jti"];
const TIME_CLAIMS = ["iat", "nbf", "exp", "issexp"];

function isAbsentOr(type: "string" | "number", value: unknown): boolean {
  return value === undefined || (typeof value === type && (type === "string" || Number.isFinite(value)));
}

/** Absent and empty are one to Go. */
function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function seconds(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function shown(value: unknown): string {
  return typeof value === "string" ? quoted(value) : "missing";
}

function malformed(fault: string): Refusal {
  return new Refusal("token_malformed", `the token ${fault}`);
}

export type TrustErrorCode =
  | "TRUST_BAD_CA"
  | "TRUST_BAD_CRL"
  | "TRUST_FOREIGN_CRL"
  | "TRUST_OLD_CRL"
  | "TRUST_BAD_PATTERN"
  | "TRUST_BAD_KEY"
  | "TRUST_BAD_ISSUERS"
  | "TRUST_BAD_COLLECTIVE"
  | "TRUST_BAD_TTL";

const FIXES: Readonly<Record<TrustErrorCode, string>> = {
  TRUST_BAD_CA: "name a file with the CA certificates alone, PEM",
  TRUST_BAD_CRL: "name a file with whole revocation lists alone, PEM",
  TRUST_FOREIGN_CRL:
    "put the certificate of the CA that signs the list into trust.v1.ca, an intermediate's too, or take the list out",
  TRUST_OLD_CRL: "put the newest list back; if it is meant to go, restart the bridge",
  TRUST_BAD_PATTERN: 'mend it; a literal dot is "\\."',
  TRUST_BAD_KEY: "write the ed25519 public key, 64 hex characters",
  TRUST_BAD_ISSUERS: "set trust.v2.issuers or trust.v2.trustedSigners, with a key at least",
  TRUST_BAD_COLLECTIVE: "write letters, digits, _ and -, with single dots between them",
  TRUST_BAD_TTL: "make trust.ttl.min at most trust.ttl.max",
};

/** Settings no verdict can rest on. `setting` is the path of the culprit below `trust`. */
export class TrustError extends Error {
  override readonly name = "TrustError";
  readonly code: TrustErrorCode;
  readonly setting: string;
  readonly fault: string;

  constructor(code: TrustErrorCode, setting: string, fault: string) {
    super(`trust.${setting}: ${fault}; ${FIXES[code]}`);
    this.code = code;
    this.setting = setting;
    this.fault = fault;
  }

  get fix(): string {
    return FIXES[this.code];
  }
}

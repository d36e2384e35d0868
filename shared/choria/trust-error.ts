export type TrustErrorCode =
  | "TRUST_BAD_CA"
  | "TRUST_BAD_CRL"
  | "TRUST_BAD_PATTERN"
  | "TRUST_BAD_KEY"
  | "TRUST_BAD_ISSUERS"
  | "TRUST_BAD_COLLECTIVE"
  | "TRUST_BAD_TTL";

/** Settings no verdict can rest on. `setting` is the path of the culprit below `trust`. */
export class TrustError extends Error {
  override readonly name = "TrustError";
  readonly code: TrustErrorCode;
  readonly setting: string;

  constructor(code: TrustErrorCode, setting: string, fault: string) {
    super(`trust.${setting}: ${fault}`);
    this.code = code;
    this.setting = setting;
  }
}

const MASK = "***";
/** Names that hold a secret itself; `passwordFile` only names the file that does. */
const SECRET_NAME = /(?:password|passwd|secret|token|seed|nkey|credentials?)$/i;
/** What stands before the last "@" of a URL's authority: the "@" of a password need not be encoded for a server to take it. */
const USER_INFO = /([a-z][a-z0-9+.-]*:\/\/)\S*@/gi;
/** A PEM block, a private key as go-choria writes it, an nkey seed, a JWT: pasted where a file or a public key belongs. */
const PASTED_SECRET = /-----BEGIN |[0-9a-fA-F]{64}|\bS[A-Z][A-Z2-7]{56}\b|\beyJ[\w-]+\./;
const LONGEST_SHOWN = 100;

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** User and password in every URL of the text become `***`. */
function maskUrls(text: string): string {
  return text.replace(USER_INFO, `$1${MASK}@`);
}

/** A copy of a plain value with every secret in it masked: whatever is named like one, and credentials in URLs. */
export function maskSecrets(value: unknown): unknown {
  if (typeof value === "string") return maskUrls(value);
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecretName(name) ? MASK : maskSecrets(inner)]),
  );
}

/** A value as it may be shown next to a problem: one line, masked, cut to a readable length. Empty for no value. */
export function showValue(path: readonly PropertyKey[], value: unknown): string {
  if (value === undefined) return "";
  if (path.some((key) => typeof key === "string" && isSecretName(key))) return MASK;
  const text = JSON.stringify(maskSecrets(value)) ?? String(value);
  if (PASTED_SECRET.test(text)) return MASK;
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

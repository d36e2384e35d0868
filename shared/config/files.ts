import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { denyListFault } from "./deny-list.ts";
import { propertyOf } from "./plain.ts";
import { ConfigError, type Finding, unplaced } from "./problem.ts";
import { isSecretName } from "./secret-name.ts";

/** The files a configuration names, as its caller reads them; a secret may stand in a file's place. */
export interface ConfigFiles {
  /** The configuration's own file, for messages. */
  readonly file: string;
  /** The text of a file named in the configuration, relative to the configuration's folder; throws when it cannot be read. */
  read(path: string): string;
  /** What stands in the secrets named in the place of files, by name; absent where secrets are not fetched. */
  readonly secrets?: ReadonlyMap<string, string>;
}

/** What a file is to hold; `check` returns what is wrong with it, or null. */
interface Content {
  readonly what: string;
  check(text: string): string | null;
}

const CERTIFICATES = pem("CERTIFICATE", "certificates (PEM)", (block) => new X509Certificate(block));
const ANCHORS = pem("CERTIFICATE", "CA certificates (PEM)", caCertificate);
const REVOCATION_LISTS = pem("X509 CRL", "revocation lists (PEM)", sequenceOf);
const PRIVATE_KEY: Content = { what: "a private key (PEM)", check: (text) => failure(() => createPrivateKey(text)) };
const NATS_CREDENTIALS: Content = {
  what: "NATS credentials (a user JWT and its seed)",
  check: (text) => (text.includes("-----BEGIN NATS USER JWT-----") ? null : "it has no NATS USER JWT block"),
};
const NKEY_SEED: Content = {
  what: "the nkey seed of a user",
  check: (text) =>
    /^SU[A-Z2-7]{56}$/.test(text.trim()) ? null : 'it is no text of 58 characters that begins with "SU"',
};
const DENY_LIST: Content = {
  what: "a deny list (a token id, public key or identity a line)",
  check: denyListFault,
};
const ONE_SECRET: Content = {
  what: "one line with nothing but the secret",
  check: (text) => (/^[^\r\n]+$/.test(text.trim()) ? null : "it is empty, or has several lines"),
};

/** What the file under a key holds. */
const CONTENTS = {
  ca: CERTIFICATES,
  crl: REVOCATION_LISTS,
  file: DENY_LIST,
  cert: CERTIFICATES,
  key: PRIVATE_KEY,
  credsFile: NATS_CREDENTIALS,
  nkeyFile: NKEY_SEED,
  seedFile: ONE_SECRET,
  tokenFile: ONE_SECRET,
  passwordFile: ONE_SECRET,
} satisfies Record<string, Content>;

export type FileKey = keyof typeof CONTENTS;

/** A server's own certificate will do for TLS; what signs the certificates of nodes has to be a CA's. */
function contentOf({ path, key }: FileUse): Content {
  return key === "ca" && path[0] === "trust" ? ANCHORS : CONTENTS[key];
}

/** A file named in a configuration, at `[...path, key]`. */
export interface FileUse {
  readonly path: readonly PropertyKey[];
  readonly key: FileKey;
  readonly name: string;
}

/** Reads files named in a configuration and collects what is wrong with them, so that all is reported together. */
export class FileReader {
  readonly findings: Finding[] = [];
  readonly #files: ConfigFiles;

  constructor(files: ConfigFiles) {
    this.#files = files;
  }

  /** Reads the same files once more, with findings of its own. */
  anew(): FileReader {
    return new FileReader(this.#files);
  }

  /** The file's text; "" when it is of no use, which is then among the findings. */
  read(use: FileUse): string {
    const text = this.#readable(use);
    const content = contentOf(use);
    const wrong = text === null ? null : content.check(text);
    if (wrong !== null) this.#report(use, `does not hold ${content.what}: ${wrong}`);
    return text ?? "";
  }

  /** Throws `ConfigError` if any file was of no use. */
  finish(): void {
    if (this.findings.length === 0) return;
    const { file } = this.#files;
    throw new ConfigError(this.findings.map((finding) => unplaced(file, finding)));
  }

  #readable(use: FileUse): string | null {
    if (isSecretName(use.name)) return this.#secret(use);
    try {
      return this.#files.read(use.name);
    } catch (error) {
      this.#report(use, `cannot be read (${reason(error)})`);
      return null;
    }
  }

  #secret(use: FileUse): string | null {
    const { secrets } = this.#files;
    const value = secrets?.get(use.name);
    if (value !== undefined) return value;
    this.#report(
      use,
      secrets === undefined ? "names a secret, which only the Lambda functions fetch" : "was not fetched",
    );
    return null;
  }

  #report(use: FileUse, problem: string): void {
    const { path, key, name } = use;
    const { what } = contentOf(use);
    const fix =
      isSecretName(name) && this.#files.secrets !== undefined
        ? `store ${what} under this name`
        : `name a readable file that holds ${what}; paths are relative to the configuration file`;
    this.findings.push({ path: [...path, key], value: name, problem, fix });
  }
}

/** Every file that a configuration names, wherever it stands and whatever else is wrong around it. */
export function fileUses(value: unknown): readonly FileUse[] {
  const connections = propertyOf(value, "connections");
  const names = typeof connections === "object" && connections !== null ? Object.keys(connections) : [];
  return [
    ...trustFileUses(value),
    ...names.flatMap((name) => [
      ...usesAt(value, ["connections", name, "tls"], ["ca", "cert", "key"]),
      ...usesAt(value, ["connections", name], ["credsFile", "nkeyFile", "tokenFile", "passwordFile"]),
      ...usesAt(value, ["connections", name, "choria"], ["tokenFile", "seedFile"]),
    ]),
  ];
}

/** The files that the `trust` section of a configuration names. */
export function trustFileUses(value: unknown): readonly FileUse[] {
  return [...usesAt(value, ["trust", "v1"], ["ca", "crl"]), ...usesAt(value, ["trust", "deny"], ["file"])];
}

function usesAt(value: unknown, path: readonly string[], keys: readonly FileKey[]): readonly FileUse[] {
  const holder = path.reduce(propertyOf, value);
  return keys.flatMap((key) => {
    const name = propertyOf(holder, key);
    return typeof name === "string" ? [{ path, key, name }] : [];
  });
}

function pem(label: string, what: string, parse: (block: string) => unknown): Content {
  const blocks = new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`, "g");
  return {
    what,
    check(text) {
      const found = text.match(blocks) ?? [];
      if (found.length === 0) return `it has no ${label} block`;
      return found.map((block) => failure(() => parse(block))).find((wrong) => wrong !== null) ?? null;
    },
  };
}

function caCertificate(block: string): void {
  const { ca, subject } = new X509Certificate(block);
  if (!ca) throw new Error(`"${subject.replaceAll("\n", ", ")}" is no CA certificate`);
}

/**
 * Whether a PEM block holds one DER sequence and nothing else: enough to tell a damaged file. Whoever believes the list reads
 * it in full; an X.509 library for this alone would double the start of a function that never sees a list.
 */
function sequenceOf(block: string): void {
  const der = Buffer.from(block.replace(/-----[^-]+-----/g, ""), "base64");
  const lengthBytes = (der[1] ?? 0) > 0x80 ? (der[1] ?? 0) - 0x80 : 0;
  const isWhole =
    lengthBytes > 0 && lengthBytes <= 4 && der.length === 2 + lengthBytes + der.readUIntBE(2, lengthBytes);
  if (der[0] !== 0x30 || !isWhole) throw new Error("a block is damaged");
}

function failure(parse: () => unknown): string | null {
  try {
    parse();
    return null;
  } catch (error) {
    return reason(error);
  }
}

/** Node's error codes say it shorter than its messages, which repeat the path. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return code === "ENOENT"
    ? "there is no such file"
    : code.startsWith("E") && !code.startsWith("ERR_")
      ? code
      : error.message;
}

import type { KeyObject } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CertificateIssuer, generateRsaKey, issueCa } from "../../../functions/simulate/certificates.ts";
import { HOST, type SecurityLines } from "./settings.ts";

/** Somebody on the network: what go-choria is told about them, and what a NATS client needs to be them. */
export interface Holder {
  readonly security: SecurityLines;
  /** Name that requests are made in. */
  readonly callerId: string;
  /** `tls.cert` and `tls.key`, or `choria` of a connection in the bridge's configuration. */
  readonly files:
    | { readonly cert: string; readonly key: string }
    | { readonly tokenFile: string; readonly seedFile: string };
}

/** Hands out credentials of one protocol version in a folder. */
export interface Authority {
  readonly caFile: string;
  /** The `trust` section that believes its nodes and clients. */
  readonly trust: object;
  broker(): Promise<SecurityLines>;
  node(identity: string): Promise<Holder>;
  /** `flags` of `choria jwt client` say what the client may do; certificates hold no such thing. */
  client(name: string, flags: readonly string[]): Promise<Holder>;
}

const DAY_MS = 86_400_000;

/** X.509 files in a folder: everybody's in v1, the broker's own in v2. */
export class Certificates {
  readonly caFile: string;
  readonly #folder: string;
  readonly #issuer: CertificateIssuer;
  readonly #now: Date;
  #serial: number;

  private constructor(folder: string, caPem: string, caKey: KeyObject, now: Date) {
    this.#folder = folder;
    this.caFile = join(folder, "ca.pem");
    this.#issuer = new CertificateIssuer(caPem, caKey);
    this.#now = now;
    this.#serial = now.getTime();
  }

  static async make(folder: string, now: Date): Promise<Certificates> {
    await mkdir(folder, { recursive: true });
    const caKey = await generateRsaKey();
    const caPem = await issueCa("Choria test CA", caKey, now);
    const certificates = new Certificates(folder, caPem, caKey, now);
    await writeFile(certificates.caFile, caPem);
    return certificates;
  }

  async issue(name: string): Promise<{ readonly cert: string; readonly key: string }> {
    const [cert, key] = [join(this.#folder, `${name}.pem`), join(this.#folder, `${name}.key`)];
    const privateKey = await generateRsaKey();
    this.#serial += 1;
    const pem = await this.#issuer.issue({
      commonName: name,
      serial: this.#serial,
      key: privateKey,
      notBefore: new Date(this.#now.getTime() - DAY_MS),
      notAfter: new Date(this.#now.getTime() + DAY_MS),
    });
    await writeFile(cert, pem);
    await writeFile(key, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    return { cert, key };
  }
}

/** Protocol v1: go-choria's `file` security, one certificate authority for broker, nodes and clients. */
export async function certificateAuthority(folder: string): Promise<Authority> {
  const certificates = await Certificates.make(folder, new Date());
  const { caFile } = certificates;
  const holder = async (name: string): Promise<Holder> => {
    const files = await certificates.issue(name);
    const security = [
      "plugin.security.provider = file",
      `plugin.security.file.certificate = ${files.cert}`,
      `plugin.security.file.key = ${files.key}`,
      `plugin.security.file.ca = ${caFile}`,
    ];
    return { security, files, callerId: `choria=${name}` };
  };
  return {
    caFile,
    trust: { v1: { ca: caFile, nodes: ["\\.fleet\\.test$"] } },
    broker: async () => (await holder(HOST)).security,
    node: holder,
    client: (name) => holder(`${name}.mcollective`), // go-choria's default allow list asks for the suffix
  };
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, Certificates, type Holder } from "./authority.ts";
import type { RunChoria } from "./command.ts";
import { COLLECTIVE, HOST } from "./settings.ts";

/** Longer than any test. */
const LONG = ["--validity", "24h"];

/** What a node's token lets it do beside what every node may: submissions. */
const NODE_FLAGS = ["--collectives", COLLECTIVE, "--submission", "--stream-user"];

interface KeyPair {
  readonly seedFile: string;
  /** 64 hex characters. */
  readonly publicKey: string;
}

/** Protocol v2: go-choria's `choria` security, an organisation issuer and tokens, all made by `choria jwt`. */
export class TokenAuthority implements Authority {
  readonly caFile: string;
  readonly #folder: string;
  readonly #choria: RunChoria;
  readonly #certificates: Certificates;
  readonly #issuer: KeyPair;

  private constructor(folder: string, choria: RunChoria, certificates: Certificates, issuer: KeyPair) {
    this.#folder = folder;
    this.#choria = choria;
    this.#certificates = certificates;
    this.caFile = certificates.caFile;
    this.#issuer = issuer;
  }

  static async make(folder: string, choria: RunChoria): Promise<TokenAuthority> {
    const certificates = await Certificates.make(folder, new Date());
    return new TokenAuthority(folder, choria, certificates, await makeKeys(folder, "issuer", choria));
  }

  get trust(): object {
    return { v2: { issuers: { choria: this.#issuer.publicKey } } };
  }

  async broker(): Promise<readonly string[]> {
    const [{ security }, { cert, key }] = await Promise.all([this.node("broker"), this.#certificates.issue(HOST)]);
    return [...security, `plugin.security.choria.certificate = ${cert}`, `plugin.security.choria.key = ${key}`];
  }

  async node(identity: string): Promise<Holder> {
    const keys = await makeKeys(this.#folder, identity, this.#choria);
    const tokenFile = join(this.#folder, `${identity}.jwt`);
    const args = ["jwt", "server", tokenFile, identity, keys.publicKey, this.#issuer.seedFile];
    await this.#choria([...args, ...NODE_FLAGS, ...LONG]);
    return this.#holder(identity, tokenFile, keys);
  }

  async client(name: string, flags: readonly string[]): Promise<Holder> {
    const keys = await makeKeys(this.#folder, name, this.#choria);
    const tokenFile = join(this.#folder, `${name}.jwt`);
    await this.#issue(tokenFile, name, keys, [...LONG, ...flags]);
    return this.#holder(`choria=${name}`, tokenFile, keys);
  }

  #issue(file: string, name: string, { publicKey }: KeyPair, flags: readonly string[]): Promise<string> {
    const args = ["jwt", "client", file, `choria=${name}`, this.#issuer.seedFile, "--public-key", publicKey];
    return this.#choria([...args, ...flags]);
  }

  #holder(callerId: string, tokenFile: string, { seedFile }: KeyPair): Holder {
    const security = [
      "plugin.security.provider = choria",
      "plugin.security.issuer.names = choria",
      `plugin.security.issuer.choria.public = ${this.#issuer.publicKey}`,
      `plugin.security.choria.token_file = ${tokenFile}`,
      `plugin.security.choria.seed_file = ${seedFile}`,
    ];
    return { security, callerId, files: { tokenFile, seedFile } };
  }
}

async function makeKeys(folder: string, name: string, choria: RunChoria): Promise<KeyPair> {
  await choria(["jwt", "keys", join(folder, `${name}.seed`), join(folder, `${name}.public`)]);
  return readKeys(folder, name);
}

async function readKeys(folder: string, name: string): Promise<KeyPair> {
  const publicKey = (await readFile(join(folder, `${name}.public`), "utf8")).trim();
  return { seedFile: join(folder, `${name}.seed`), publicKey };
}

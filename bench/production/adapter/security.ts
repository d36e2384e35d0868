import type { KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ORGANISATION, openPki } from "../../../functions/simulate/pki.ts";
import { COLLECTIVE } from "../../load.ts";
import type { Protocol } from "../scene.ts";

/** Credentials for go-choria, from the authorities that the load's nodes have theirs from. */

export const ADAPTER = "adapter.fleet.example";
/** What the servers' certificate names. */
export const HOST = "localhost";

const open = (cacheDir: string) => openPki({ folder: join(cacheDir, "pki"), collective: COLLECTIVE, now: new Date() });

/** Configuration of a nats-server that go-choria can connect to, which does so by TLS only; its files go to `folder`. */
export async function tlsConfig(cacheDir: string, folder: string): Promise<string> {
  const { certPem, privateKey } = await (await open(cacheDir)).v1(HOST, "trusted");
  const { cert, key } = await writePair(folder, HOST, { certPem, privateKey });
  return `tls { cert_file: "${cert}", key_file: "${key}" }\nallow_non_tls: true\n`;
}

/** What a Choria configuration says of who it is; its files go to `folder`. */
export async function securityLines(protocol: Protocol, cacheDir: string, folder: string): Promise<readonly string[]> {
  return protocol === "v1" ? fileSecurity(cacheDir, folder) : choriaSecurity(cacheDir, folder);
}

async function fileSecurity(cacheDir: string, folder: string): Promise<readonly string[]> {
  const pki = await open(cacheDir);
  const { cert, key } = await writePair(folder, ADAPTER, await pki.v1(ADAPTER, "trusted"));
  return [
    "plugin.security.provider = file",
    `plugin.security.file.certificate = ${cert}`,
    `plugin.security.file.key = ${key}`,
    `plugin.security.file.ca = ${pki.caFile}`,
  ];
}

async function choriaSecurity(cacheDir: string, folder: string): Promise<readonly string[]> {
  const pki = await open(cacheDir);
  const { token, privateKey } = await pki.v2(ADAPTER, "trusted");
  const [tokenFile, seedFile] = [join(folder, "adapter.jwt"), join(folder, "adapter.seed")];
  await writeFile(tokenFile, token);
  await writeFile(seedFile, seedHex(privateKey), { mode: 0o600 });
  return [
    "plugin.security.provider = choria",
    `plugin.security.issuer.names = ${ORGANISATION}`,
    `plugin.security.issuer.${ORGANISATION}.public = ${pki.issuerPublicKey}`,
    `plugin.security.choria.token_file = ${tokenFile}`,
    `plugin.security.choria.seed_file = ${seedFile}`,
  ];
}

function seedHex(key: KeyObject): string {
  return Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url").toString("hex");
}

async function writePair(
  folder: string,
  name: string,
  { certPem, privateKey }: { readonly certPem: string; readonly privateKey: KeyObject },
): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  await writeFile(cert, certPem);
  await writeFile(key, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  return { cert, key };
}

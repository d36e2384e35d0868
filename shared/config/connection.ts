import { brokerCredentials } from "../choria/broker-auth.ts";
import type { ConnectionCredentials, ConnectionSecrets, ConnectionSettings } from "../jetstream/spec.ts";
import type { FileKey, FileReader } from "./files.ts";
import type { ConnectionConfig } from "./schema.ts";

/** How to reach the connection of that name; what is wrong with its files is among the reader's findings. */
export function readConnection(name: string, connection: ConnectionConfig, reader: FileReader): ConnectionSettings {
  const reread = (): ConnectionSecrets => {
    const again = reader.anew();
    const secrets = readSecrets(name, connection, again);
    again.finish();
    return secrets;
  };
  return { name, servers: connection.servers, ...readSecrets(name, connection, reader), reread };
}

function readSecrets(name: string, connection: ConnectionConfig, reader: FileReader): ConnectionSecrets {
  const path = ["connections", name];
  const at: FilesAt = (inner, key, file) =>
    file === undefined ? null : reader.read({ path: [...path, ...inner], key, name: file });
  return {
    tls: readTls(connection, at),
    credentials: readBroker(path, connection, reader, at) ?? readCredentials(connection, at),
  };
}

/** The text of an optional file below a connection; null when none is named. */
type FilesAt = (path: readonly string[], key: FileKey, name: string | undefined) => string | null;

function readTls({ tls }: ConnectionConfig, at: FilesAt): ConnectionSecrets["tls"] {
  if (tls === undefined) return null;
  return {
    ca: at(["tls"], "ca", tls.ca),
    cert: at(["tls"], "cert", tls.cert),
    key: at(["tls"], "key", tls.key),
    handshakeFirst: tls.handshakeFirst,
  };
}

function readCredentials(connection: ConnectionConfig, at: FilesAt): ConnectionCredentials {
  const creds = at([], "credsFile", connection.credsFile);
  if (creds !== null) return { type: "creds", creds };
  const seed = at([], "nkeyFile", connection.nkeyFile);
  if (seed !== null) return { type: "nkey", seed: seed.trim() };
  const token = at([], "tokenFile", connection.tokenFile);
  if (token !== null) return { type: "token", token: token.trim() };
  const password = at([], "passwordFile", connection.passwordFile);
  if (connection.user === undefined || password === null) return { type: "none" };
  return { type: "userPassword", user: connection.user, password: password.trim() };
}

/** Choria's two files make sense together alone; of files that could not be read the reader has told already. */
function readBroker(
  path: readonly string[],
  { choria }: ConnectionConfig,
  reader: FileReader,
  at: FilesAt,
): ConnectionCredentials | null {
  if (choria === undefined) return null;
  const token = at(["choria"], "tokenFile", choria.tokenFile)?.trim();
  const seed = at(["choria"], "seedFile", choria.seedFile)?.trim();
  if (!token || !seed) return { type: "none" };
  const credentials = brokerCredentials({ token, seed }, choria.collective);
  if (!("at" in credentials)) return { type: "signedToken", holder: credentials.callerId, ...credentials };
  const key = credentials.at === "token" ? "tokenFile" : "seedFile";
  const { problem, fix } = credentials;
  reader.findings.push({ path: [...path, "choria", key], value: choria[key], problem, fix });
  return { type: "none" };
}

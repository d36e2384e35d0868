import { Refusal } from "../../../shared/choria/refusal.ts";
import { readClaims } from "../../../shared/choria/token/claims.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import type { ConnectionSettings } from "../../../shared/jetstream/spec.ts";
import { userInfo } from "../../../shared/jetstream/user-info.ts";
import { safeText } from "../text.ts";
import { fail, type Line, ok, warn } from "./line.ts";

/** Where the broker puts ordinary clients, and where Choria's messages and streams are. */
const CHORIA_ACCOUNT = "choria";
const MAX_DEPTH = 32;

/** Permissions of a client token that a bridge has no use for, and what grants them. */
const MORE_THAN_NEEDED: Readonly<Record<string, string>> = {
  fleet_management: "on unless the token is issued with --no-fleet-management",
  signed_fleet_management: "--signed-fleet-management",
  org_admin: "--org-admin",
  system_user: "--system",
  authentication_delegator: "--auth-delegation",
  provisioner: "--server-provisioner",
};

/** What a Choria broker makes of the connection's client token, and whether the token may more than a bridge needs. */
export async function tokenLines(
  about: string,
  connection: Connection,
  settings: ConnectionSettings | undefined,
): Promise<readonly Line[]> {
  const credentials = settings?.credentials;
  if (credentials?.type !== "signedToken") return [];
  return [await accountLine(about, connection, credentials.holder), ...excessLines(about, credentials.token)];
}

async function accountLine(about: string, connection: Connection, holder: string): Promise<Line> {
  const seen = await userInfo(connection);
  const who = `token of ${safeText(holder)}`;
  if (seen === null) {
    return warn(
      about,
      `${who}: the broker does not say what it makes of it`,
      "compare the broker's log with this login",
    );
  }
  if (seen.user !== holder) {
    const text = `${who}: the server takes this connection for "${safeText(seen.user)}", so it is no Choria broker`;
    return fail(about, text, "name a Choria broker in `servers`, or leave `choria` out");
  }
  const text = `${who}: accepted, account ${safeText(seen.account)}`;
  if (seen.account === CHORIA_ACCOUNT) return ok(about, text);
  return fail(about, text, `the fleet's messages are in account ${CHORIA_ACCOUNT}: use a token without a special user`);
}

/** One line for each permission of the token that the bridge has no use for. */
export function excessLines(about: string, token: string): readonly Line[] {
  const claims = readClaims(token, MAX_DEPTH);
  if (claims instanceof Refusal) return [];
  return Object.entries(MORE_THAN_NEEDED)
    .filter(([permission]) => claims.permissions.has(permission))
    .map(([permission, source]) =>
      warn(about, `the token has ${permission}, which the bridge does not need`, `issue one without it (${source})`),
    );
}

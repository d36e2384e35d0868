import type { Connection } from "./connect.ts";

/** Who a server takes a connection for. */
export interface UserInfo {
  /** Empty where it goes by a certificate alone. */
  readonly user: string;
  readonly account: string;
}

const ANSWER_MS = 2_000;

/** What the server answers about the connection itself (nats-server from 2.10, go-choria's broker); null when it does not. */
export async function userInfo(connection: Connection): Promise<UserInfo | null> {
  try {
    const { data } = (await connection.request("$SYS.REQ.USER.INFO", "", { timeout: ANSWER_MS })).json<{
      data?: { user?: unknown; account?: unknown };
    }>();
    return { user: String(data?.user ?? ""), account: String(data?.account ?? "") };
  } catch {
    return null;
  }
}

import { type Auth, credsAuthenticator, nkeyAuthenticator } from "nats";
import type { ConnectionCredentials } from "./spec.ts";

/**
 * What goes into the CONNECT that answers a server's greeting. Throws when an nkey seed or NATS credentials are damaged: the
 * client would end the connection for good, so this is asked before it is.
 */
export function answerGreeting(credentials: ConnectionCredentials, nonce: string | undefined): Auth {
  switch (credentials.type) {
    case "none":
      return undefined;
    case "userPassword":
      return { user: credentials.user, pass: credentials.password };
    case "token":
      return { auth_token: credentials.token };
    case "nkey":
      return nkeyAuthenticator(bytes(credentials.seed))(nonce);
    case "creds":
      return credsAuthenticator(bytes(credentials.creds))(nonce);
    case "signedToken":
      return signedAnswer(credentials.token, nonce === undefined ? "" : credentials.sign(nonce));
    default:
      return credentials satisfies never;
  }
}

/** The client sends whatever fields it is given, but its type knows no token that comes with a signature. */
function signedAnswer(token: string, sig: string): Auth {
  const answer = { auth_token: token, sig };
  return answer;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

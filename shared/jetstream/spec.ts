/** Streams and consumers as data: what the configuration asks for, before any server is asked. */

export interface StreamSpec {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: "workqueue" | "limits";
  readonly storage: "file" | "memory";
  readonly replicas: number;
  /** -1: no limit. */
  readonly maxBytes: number;
  /** -1: no limit. */
  readonly maxMessages: number;
  /** -1: no limit. */
  readonly maxMessagesPerSubject: number;
  /** 0: no limit. */
  readonly maxAgeMs: number;
  readonly discard: "new" | "old";
  readonly duplicateWindowMs: number;
}

/** A durable pull consumer with explicit acks and no `backoff`: retry delays are the worker's. */
export interface ConsumerSpec {
  readonly stream: string;
  readonly durable: string;
  /** null: every subject of the stream. */
  readonly filterSubject: string | null;
  readonly ackWaitMs: number;
  /** -1: no limit. */
  readonly maxAckPending: number;
  /** -1: no limit. */
  readonly maxDeliver: number;
}

/** What a connection proves itself and its server with: contents of files, never their paths. */
export interface ConnectionSecrets {
  /** PEM texts; null: plain TCP, unless the server's URL or the server asks for TLS. */
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
    /** Begin with the TLS handshake; the server must be set up for it (`handshake_first`). Absent: no. */
    readonly handshakeFirst?: boolean;
  } | null;
  readonly credentials: ConnectionCredentials;
}

/** How to reach NATS. */
export interface ConnectionSettings extends ConnectionSecrets {
  readonly name: string;
  readonly servers: readonly string[];
  /** Reads the files anew; throws when one is of no use. Absent: the secrets never change. */
  readonly reread?: () => ConnectionSecrets;
}

export type ConnectionCredentials =
  | { readonly type: "none" }
  | { readonly type: "userPassword"; readonly user: string; readonly password: string }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "nkey"; readonly seed: string }
  | { readonly type: "creds"; readonly creds: string }
  | SignedToken;

/** A token that is shown beside a signature over the server's nonce, for servers with an authentication of their own. */
export interface SignedToken {
  readonly type: "signedToken";
  readonly token: string;
  /** Who the token is for, in messages. */
  readonly holder: string;
  /** Replies are listened for below this alone. */
  readonly inboxPrefix: string;
  /** Milliseconds since 1970; null: unknown. */
  readonly issuedAtMs: number | null;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAtMs: number | null;
  sign(nonce: string): string;
}

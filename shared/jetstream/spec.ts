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

/** How to reach NATS: contents of files, never their paths. */
export interface ConnectionSettings {
  readonly name: string;
  readonly servers: readonly string[];
  /** PEM texts; null: plain TCP, unless the server's URL or the server asks for TLS. */
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  } | null;
  readonly credentials: ConnectionCredentials;
}

export type ConnectionCredentials =
  | { readonly type: "none" }
  | { readonly type: "userPassword"; readonly user: string; readonly password: string }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "creds"; readonly creds: string };

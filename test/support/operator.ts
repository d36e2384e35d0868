import { nkeys } from "nats";

export interface TestOperator {
  /** For nats-server: operator mode with one account, its JWT preloaded. */
  readonly config: string;
  /** A credentials file of a new user; `expiresAt` in seconds since 1970. */
  creds(expiresAt?: number): string;
}

/** NATS's decentralised authentication (JWT version 2), as `nsc` sets it up. */
export function makeOperator(): TestOperator {
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const operatorJwt = encode(operator, operator, { type: "operator", version: 2 });
  const accounts = [system, account].map((each) => {
    return `${each.getPublicKey()}: ${encode(operator, each, { type: "account", version: 2, limits })}`;
  });
  const creds = (expiresAt?: number): string => {
    const user = nkeys.createUser();
    const claims = { type: "user", version: 2, subs: -1, data: -1, payload: -1 };
    const jwt = encode(account, user, claims, expiresAt === undefined ? {} : { exp: expiresAt });
    const seed = new TextDecoder().decode(user.getSeed());
    return [block("NATS USER JWT", jwt), block("USER NKEY SEED", seed)].join("\n");
  };
  const config = [
    `operator: ${operatorJwt}`,
    "resolver: MEMORY",
    `resolver_preload: { ${accounts.join(", ")} }`,
    `system_account: ${system.getPublicKey()}`, // JetStream does not start without one
  ].join("\n");
  return { config, creds };
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

function encode(issuer: KeyPair, subject: KeyPair, nats: object, more: object = {}): string {
  const iat = Math.floor(Date.now() / 1_000);
  const claims = {
    jti: subject.getPublicKey(),
    iat,
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "t",
  };
  const parts = [
    { typ: "JWT", alg: "ed25519-nkey" },
    { ...claims, ...more, nats },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

function block(name: string, text: string): string {
  return `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
}

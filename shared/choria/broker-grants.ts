/** A subject that a broker refused to a connection. */
export interface RefusedSubject {
  readonly operation: "publish" | "subscription";
  readonly subject: string;
}

/** What a flag of `choria jwt client` lets its holder do (go-choria v0.29 broker/network/choria_auth.go). */
interface Grant {
  readonly operation: RefusedSubject["operation"];
  readonly subjects: RegExp;
  readonly flag: string;
}

const GRANTS: readonly Grant[] = [
  {
    operation: "subscription",
    // Not `choria.machine.>` as one subject: the broker compares what is asked for with each grant alone.
    subjects: /^choria\.(?:lifecycle\.event\..+|machine\.transition|machine\.watcher\..+)$/,
    flag: "--event-viewer",
  },
  { operation: "subscription", subjects: /^\$JS\.EVENT\./, flag: "--stream-admin" },
  { operation: "publish", subjects: /^\$JS\.API\.STREAM\.(?:CREATE|UPDATE|DELETE|PURGE)\./, flag: "--stream-admin" },
  { operation: "publish", subjects: /^\$JS\.API\.CONSUMER\.(?:PAUSE|LEADER)\./, flag: "--stream-admin" },
  { operation: "publish", subjects: /^\$(?:JS\.(?:API|ACK|FC)|KV|O)\./, flag: "--stream-user" },
];

/** How a client token comes to be allowed what a broker refused it, as a sentence for whoever issues the tokens. */
export function grantFor({ operation, subject }: RefusedSubject): string {
  if (operation === "subscription" && /^_INBOX\.|^[^.]+\.reply\.[0-9a-f]{32}\./.test(subject)) {
    return "a client may listen for replies below <collective>.reply.<md5 of its caller id> alone: check the token's caller";
  }
  if (subject.startsWith("$SYS.")) return "issue the token with --system, and name the broker's system user";
  const grant = GRANTS.find((each) => each.operation === operation && each.subjects.test(subject));
  const flag = grant?.flag ?? `${operation === "publish" ? "--publish" : "--subscribe"} '${subject}'`;
  return `issue the client token with: choria jwt client ... ${flag}`;
}

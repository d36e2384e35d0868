import type { NatsConnection } from "nats";

/** What names a message among those of its kind: who sent it, and under which id. */
export interface Sent {
  readonly sender: string;
  readonly id: string;
}

/** Reads a message off the wire without checking it. */
export type ReadSent = (data: Uint8Array, header: (name: string) => string) => Sent;

type Fields = Readonly<Record<string, string>>;

const json = (text: string) => JSON.parse(text);
const base64 = (text = ""): string => Buffer.from(text, "base64").toString("utf8");

/** A request or reply of either protocol version. */
export const readTransport: ReadSent = (data) => {
  const secure: Fields = json(base64(json(Buffer.from(data).toString("utf8")).data));
  if (secure["message"] !== undefined) {
    const { requestid, senderid } = json(secure["message"]).envelope;
    return { sender: senderid, id: requestid };
  }
  const { sender = "", id, request = "" }: Fields = json(base64(secure["request"] ?? secure["reply"]));
  return { sender, id: id ?? request };
};

export const readCloudEvent: ReadSent = (data) => {
  const { subject, id } = JSON.parse(Buffer.from(data).toString("utf8"));
  return { sender: subject, id };
};

export const readSubmission: ReadSent = (_data, header) => ({
  sender: header("Choria-Identity"),
  id: header("Nats-Msg-Id"),
});

/** Somebody else who listens, so that a test knows what was sent without asking the bridge. */
export class Witness {
  readonly #seen = new Map<string, Sent[]>();
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Resolves once the broker knows of the subscription. */
  async listen(subject: string, read: ReadSent): Promise<void> {
    const seen: Sent[] = [];
    this.#seen.set(subject, seen);
    this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) seen.push(read(message.data, (name) => message.headers?.get(name) ?? ""));
      },
    });
    await this.#connection.flush();
  }

  /** Everything that has come on the subjects, in one order. */
  async seen(subjects: readonly string[]): Promise<readonly string[]> {
    await this.#connection.flush();
    return names(subjects.flatMap((subject) => this.#seen.get(subject) ?? []));
  }
}

/** As text that can be compared: `node01.fleet.test 4f…`. */
export function names(sent: readonly Sent[]): readonly string[] {
  return sent.map(({ sender, id }) => `${sender} ${id}`).sort();
}

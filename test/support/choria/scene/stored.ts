import type { JetStreamManager } from "nats";

/** A message as it lies in a stream. */
export interface Stored {
  readonly subject: string;
  readonly body: Buffer;
  /** Empty text for a header that is not there. */
  header(name: string): string;
}

/** All messages of a stream nobody consumes from, in order; none when there is no such stream yet. */
export async function storedIn(jsm: JetStreamManager, stream: string): Promise<readonly Stored[]> {
  const { first_seq, last_seq, messages } = (await jsm.streams.info(stream)).state;
  if (messages === 0) return [];
  const sequences = Array.from({ length: last_seq - first_seq + 1 }, (_, at) => first_seq + at);
  return Promise.all(
    sequences.map(async (seq) => {
      const { subject, data, header } = await jsm.streams.getMessage(stream, { seq });
      return { subject, body: Buffer.from(data), header: (name: string) => header?.get(name) ?? "" };
    }),
  );
}

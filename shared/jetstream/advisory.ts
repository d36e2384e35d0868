/** What the server says once when a message has been delivered as often as its consumer allows. */
export interface SpentAdvisory {
  readonly stream: string;
  readonly consumer: string;
  readonly streamSequence: number;
  readonly deliveries: number;
  readonly at: Date;
}

const TYPE = "io.nats.jetstream.advisory.v1.max_deliver";

/** Reads a MAX_DELIVERIES advisory; null when it is something else. Never throws: anybody may publish to a subject. */
export function readSpentAdvisory(body: Uint8Array): SpentAdvisory | null {
  const fields = readObject(body);
  const { type, stream, consumer, stream_seq: streamSequence, deliveries, timestamp } = fields;
  const at = new Date(typeof timestamp === "string" ? timestamp : Number.NaN);
  if (type !== TYPE || typeof stream !== "string" || typeof consumer !== "string") return null;
  if (!Number.isSafeInteger(streamSequence) || Number.isNaN(at.getTime())) return null;
  return {
    stream,
    consumer,
    streamSequence: Number(streamSequence),
    deliveries: typeof deliveries === "number" ? deliveries : 0,
    at,
  };
}

function readObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

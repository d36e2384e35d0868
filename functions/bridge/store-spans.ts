import type { ValidatedMessage } from "../../shared/choria/message.ts";
import type { Lane, LaneMessage, ShedReason } from "../../shared/jetstream/lane.ts";
import type { Tracing } from "../../shared/telemetry/trace.ts";
import { type Headers, withTrace } from "../../shared/telemetry/trace-context.ts";

type StoreEnd = { readonly type: "stored"; readonly duplicate: boolean } | { readonly type: ShedReason };

/** A span for each message and stream, from its verdict to its PubAck, retries included. */
export class StoreSpans {
  readonly #tracing: Tracing;
  /** By the message as its lane has it. */
  readonly #ends = new WeakMap<LaneMessage, (end: StoreEnd) => void>();

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  /** Gives the message to the lane with the headers of its span, which continues the trace that the message came with. */
  offer(lane: Lane, message: LaneMessage, { validated, cause }: { validated: ValidatedMessage; cause: Headers }): void {
    const { stream } = lane.settings;
    const attributes = {
      "messaging.system": "nats",
      "messaging.operation.type": "send",
      "messaging.destination.name": stream,
      "messaging.message.id": message.id,
      "choria.sender": validated.sender,
      "choria.kind": validated.kind,
      "choria.proof": validated.proof,
    };
    const plan = { name: `store ${stream}`, kind: "producer", attributes, cause } as const;
    const work = (trace: Headers): Promise<StoreEnd> =>
      new Promise((resolve) => {
        const traced = { ...message, headers: withTrace(message.headers, trace) };
        this.#ends.set(traced, resolve);
        lane.offer(traced);
      });
    void this.#tracing.span(plan, work, (end) =>
      end.type === "stored"
        ? { attributes: { "publish.duplicate": end.duplicate }, error: null }
        : { attributes: {}, error: end.type },
    );
  }

  stored(message: LaneMessage, duplicate: boolean): void {
    this.#ends.get(message)?.({ type: "stored", duplicate });
  }

  shed(message: LaneMessage, reason: ShedReason): void {
    this.#ends.get(message)?.({ type: reason });
  }
}

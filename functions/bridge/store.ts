import type { ValidatedMessage } from "../../shared/choria/message.ts";
import { adapterOutput } from "../../shared/choria/output.ts";
import type { Lane } from "../../shared/jetstream/lane.ts";
import type { SubjectTemplate } from "../../shared/subjects/template.ts";
import { carriedTrace, type Headers, withTrace } from "../../shared/telemetry/trace-context.ts";
import type { StreamCounters } from "./accounting/counters.ts";
import type { Arrival } from "./ingest.ts";

export type BodyForm = "envelope" | "payload";

/** One stream that an ingest feeds. */
export interface Target {
  readonly lane: Lane;
  readonly subject: SubjectTemplate;
  readonly body: BodyForm;
  readonly counters: StreamCounters;
}

/**
 * Offers a proven message to every stream of its ingest, with the trace it came with. Streams are independent: each lane
 * keeps or sheds by itself.
 */
export function store(
  message: ValidatedMessage,
  targets: readonly Target[],
  { arrivedAt, headers }: Pick<Arrival, "arrivedAt" | "headers">,
): void {
  const trace = carriedTrace(headers());
  const outputs = new Map<BodyForm, Output>();
  for (const { lane, subject, body, counters } of targets) {
    let output = outputs.get(body);
    if (output === undefined) {
      output = encode(message, body, trace);
      outputs.set(body, output);
    }
    counters.accepted += 1;
    lane.offer({
      subject: subject.render(message),
      id: message.messageId,
      key: message.sender,
      headers: output.headers,
      body: output.body,
      arrivedAt,
    });
  }
}

interface Output {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

function encode(message: ValidatedMessage, form: BodyForm, trace: Headers): Output {
  const { headers, body } = adapterOutput(message, form);
  return { headers: withTrace(headers, trace), body: typeof body === "string" ? Buffer.from(body) : body };
}

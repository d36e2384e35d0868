import type { ValidatedMessage } from "../../shared/choria/message.ts";
import { adapterOutput } from "../../shared/choria/output.ts";
import type { Lane, Settle } from "../../shared/jetstream/lane.ts";
import type { SubjectTemplate } from "../../shared/subjects/template.ts";
import { carriedTrace, type Headers, withTrace } from "../../shared/telemetry/trace-context.ts";
import type { StreamCounters } from "./accounting/counters.ts";
import type { Arrival } from "./ingest.ts";
import type { StoreSpans } from "./store-spans.ts";

export type BodyForm = "envelope" | "payload";

/** One stream that an ingest feeds. */
export interface Target {
  readonly ingest: string;
  readonly lane: Lane;
  readonly subject: SubjectTemplate;
  readonly body: BodyForm;
  readonly counters: StreamCounters;
  /** Null without tracing. */
  readonly spans: StoreSpans | null;
}

/**
 * Offers a proven message to every stream of its ingest, with the trace it came with. Streams are independent: each lane
 * keeps or sheds by itself. A message that can come again is settled once every stream has it, or has to get it again.
 */
export function store(
  message: ValidatedMessage,
  targets: readonly Target[],
  { arrivedAt, headers, settled: onAll }: Pick<Arrival, "arrivedAt" | "headers" | "settled">,
): void {
  const settled = onAll === null ? null : joint(targets.length, onAll);
  const trace = carriedTrace(headers());
  const outputs = new Map<BodyForm, Output>();
  for (const { ingest, lane, subject, body, counters, spans } of targets) {
    let output = outputs.get(body);
    if (output === undefined) {
      output = encode(message, body, spans === null ? trace : []);
      outputs.set(body, output);
    }
    counters.accepted += 1;
    const outbound = {
      subject: subject.render(message),
      id: message.messageId,
      key: message.sender,
      origin: ingest,
      headers: output.headers,
      body: output.body,
      arrivedAt,
      settled,
    };
    if (spans === null) lane.offer(outbound);
    else spans.offer(lane, outbound, { validated: message, cause: trace });
  }
}

/** Calls `onAll` after as many calls: kept when each of them says so. */
function joint(calls: number, onAll: Settle): Settle {
  let missing = calls;
  let allKept = true;
  return (kept) => {
    missing -= 1;
    allKept &&= kept;
    if (missing === 0) onAll(allKept);
  };
}

interface Output {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

function encode(message: ValidatedMessage, form: BodyForm, trace: Headers): Output {
  const { headers, body } = adapterOutput(message, form);
  return { headers: withTrace(headers, trace), body: typeof body === "string" ? Buffer.from(body) : body };
}

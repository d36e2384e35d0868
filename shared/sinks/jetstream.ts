import type { Channel } from "../jetstream/channel.ts";
import type { PubAckResult } from "../jetstream/puback.ts";
import { publishTogether } from "../jetstream/publish-once.ts";
import { SinkRefusedError, SinkUnavailableError } from "../jobs/errors.ts";
import type { SubjectFacts, SubjectTemplate } from "../subjects/template.ts";
import type { OutboundMessage, Receipt, Sink } from "./sink.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface JetStreamSinkSettings {
  /** Name of the sink in the configuration. */
  readonly name: string;
  /** Name of the target stream on the server. */
  readonly stream: string;
  readonly subject: SubjectTemplate;
}

/**
 * Stores messages in a stream under its subject template, whose facts come from the message's `Choria-*` headers. The
 * connection and its reply inbox belong to the caller: disposing of the sink only ends its use.
 */
export function jetStreamSink(channel: Channel, { name, stream, subject }: JetStreamSinkSettings): Sink {
  let disposed = false;
  return {
    name,
    async write({ id, headers, body }, signal) {
      signal.throwIfAborted();
      if (disposed) throw new SinkUnavailableError(name, { cause: new Error("the sink has been disposed of") });
      const published = publishTogether(channel, {
        stream,
        id,
        headers,
        body,
        subject: subject.render(facts(headers)),
      });
      return receipt(name, await unlessAborted(published, signal));
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
    },
  };
}

function facts(headers: OutboundMessage["headers"]): SubjectFacts {
  const found = { sender: "", collective: "", agent: "", caller: "" };
  for (const [name, value] of headers) {
    if (name === "Choria-Sender") found.sender = value;
    else if (name === "Choria-Collective") found.collective = value;
    else if (name === "Choria-Agent") found.agent = value;
    else if (name === "Choria-Caller") found.caller = value;
  }
  return found;
}

/** Only what is wrong with this very message is refused for good; a wrong topology can be mended while the job retries. */
function receipt(sink: string, result: PubAckResult): Receipt {
  if (result.stored) return { duplicate: result.duplicate };
  if (result.failure === "too_large" || result.failure === "refused") throw new SinkRefusedError(sink, result.detail);
  throw new SinkUnavailableError(sink, { cause: new Error(`${result.failure}: ${result.detail}`) });
}

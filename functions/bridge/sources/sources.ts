import { sourceConsumers } from "../../../shared/config/resolve.ts";
import type { Config } from "../../../shared/config/schema.ts";
import type { Connections } from "../connections.ts";
import { StreamSource, type StreamSourceContext } from "./stream-source.ts";

/** What differs from source to source comes with each of them. */
type Surroundings = Omit<StreamSourceContext, "connection" | "ingest" | "hand" | "outlet" | "lanes">;
type Ways = Pick<StreamSourceContext, "ingest" | "hand" | "outlet" | "lanes">;

/** The ingests of a bridge that take their messages from a stream. */
export class Sources {
  readonly byIngest = new Map<string, StreamSource>();
  readonly #config: Config;
  readonly #connections: Connections;

  constructor(config: Config, connections: Connections) {
    this.#config = config;
    this.#connections = connections;
  }

  /** The consumers must exist. `waysOf`: how an ingest's messages are judged, and where they go. */
  async start(surroundings: Surroundings, waysOf: (ingest: string) => Ways): Promise<void> {
    const consumers = sourceConsumers(this.#config);
    const maxBytes = Math.floor(this.#config.bridge.inFlightBytes / consumers.length);
    for (const { ingest, connection: name, inFlight, spec } of consumers) {
      const connection = await this.#connections.get(name, "source");
      const { stream, durable, ackWaitMs } = spec;
      const subject = spec.filterSubject ?? ">";
      const settings = { ingest, stream, durable, ackWaitMs, inFlight, maxBytes, subject };
      const source = await StreamSource.start(settings, { ...surroundings, ...waysOf(ingest), connection });
      this.#connections.attach(source);
      this.byIngest.set(ingest, source);
    }
  }

  /** Why some of them can take nothing at present. */
  get problems(): readonly string[] {
    return [...this.byIngest.values()].flatMap(({ problem }) => problem ?? []);
  }

  /** Takes nothing more, and gives back what has not been begun. */
  async withdraw(): Promise<void> {
    await Promise.all([...this.byIngest.values()].map((source) => source.withdraw()));
  }

  /** Gives back what is not settled, after `withdraw`. */
  async close(): Promise<void> {
    await Promise.all([...this.byIngest.values()].map((source) => source.close()));
  }
}

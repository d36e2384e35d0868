import { quarantineConnection } from "../../shared/config/names.ts";
import { quarantineSpec, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { Lane, type LaneClock, type LaneMessage, type LaneObserver } from "../../shared/jetstream/lane.ts";
import { type BridgeCounters, count, type QuarantineCounters } from "./accounting/counters.ts";
import type { RejectionLog } from "./accounting/rejection-log.ts";
import type { Connections } from "./connections.ts";
import { Quarantine } from "./quarantine/quarantine.ts";
import type { StoreSpans } from "./store-spans.ts";

const ACK_TIMEOUT_MS = 5_000;
/** Its own, small: rejected messages take nothing from accepted ones. */
const QUARANTINE_LANE = { inFlight: 64, maxMessages: 2_000, maxBytes: 16 * 1_048_576, maxAgeMs: 30_000 };
/** A leader election or a restart is over by then. */
const CANNOT_STORE_MS = 10_000;
/** What the quarantine may still store when the bridge stops. */
const QUARANTINE_CLOSE_MS = 1_000;
/** nats-server's default, until a connection says what its server's is. */
const DEFAULT_MAX_PAYLOAD = 1_048_576;

interface LanesContext {
  readonly counters: BridgeCounters;
  readonly connections: Connections;
  readonly rejections: RejectionLog;
  readonly clock: LaneClock;
  readonly wallClock: () => number;
  readonly instance: string;
  readonly onStored?: (stream: string, seconds: number) => void;
  readonly spans: StoreSpans | null;
}

/** The ways out of a bridge: a lane for each stream that its ingests feed, and the quarantine's. */
export class Lanes {
  readonly byStream = new Map<string, Lane>();
  readonly #config: Config;
  readonly #context: LanesContext;
  #quarantine: Quarantine | null = null;
  #quarantineLane: Lane | null = null;

  constructor(config: Config, context: LanesContext) {
    this.#config = config;
    this.#context = context;
  }

  /** Null without any connection to keep it on. */
  get quarantine(): Quarantine | null {
    return this.#quarantine;
  }

  async open(): Promise<void> {
    for (const name of this.#context.counters.streams.keys()) await this.#openStream(name);
    const connection = quarantineConnection(this.#config);
    if (connection !== null) await this.#openQuarantine(connection);
  }

  /** Which streams nothing can be stored in at present, one line each. */
  get problems(): readonly string[] {
    return [...this.byStream, ...this.#neededQuarantine].flatMap(([name, lane]) => {
      const { failingForMs, isFull } = lane;
      if (failingForMs > 0 && isFull) return [`stream ${name} takes nothing and its buffer is full`];
      if (failingForMs < CANNOT_STORE_MS) return [];
      return [`stream ${name} has taken nothing for ${Math.round(failingForMs / 1_000)} s`];
    });
  }

  /** The quarantine's lane; null without a quarantine. */
  get quarantineLane(): Lane | null {
    return this.#quarantineLane;
  }

  /** What is refused of a source stands in its way until there is a copy of it; of anything else a copy is kept if it can be. */
  get #neededQuarantine(): readonly (readonly [name: string, lane: Lane])[] {
    const lane = this.#quarantineLane;
    const isNeeded = Object.values(this.#config.ingest).some(({ from, enforce }) => from === "stream" && enforce);
    return lane !== null && isNeeded ? [[quarantineSpec(this.#config).name, lane]] : [];
  }

  /** Stores what is in the lanes, no longer than `deadlineMs`; resolves with what was left, by stream. */
  async close(deadlineMs: number): Promise<Record<string, number>> {
    const closing = [...this.byStream].map(async ([name, lane]): Promise<[string, number]> => {
      return [name, await lane.close(deadlineMs)];
    });
    const left = Object.fromEntries(await Promise.all(closing));
    this.#quarantine?.close();
    await this.#quarantineLane?.close(Math.min(QUARANTINE_CLOSE_MS, deadlineMs));
    return left;
  }

  async #openStream(name: string): Promise<void> {
    const stream = this.#config.streams[name];
    if (stream === undefined) throw new RangeError(`the configuration has no stream "${name}"`);
    const { inFlight, buffer } = stream;
    const spec = streamSpec(this.#config, name);
    const settings = {
      stream: spec.name,
      inFlight,
      maxMessages: buffer.maxMessages,
      maxBytes: buffer.maxBytes,
      maxAgeMs: buffer.maxAge,
      duplicateWindowMs: spec.duplicateWindowMs,
      ackTimeoutMs: ACK_TIMEOUT_MS,
    };
    const connection = await this.#context.connections.get(stream.connection, "publish");
    const lane = new Lane(connection, settings, this.#observer(name), this.#context.clock);
    this.#context.connections.attach(lane);
    this.byStream.set(name, lane);
  }

  #observer(stream: string): LaneObserver {
    const { counters: all, clock, rejections, onStored, spans } = this.#context;
    const counters = all.streams.get(stream);
    if (counters === undefined) throw new RangeError(`no counters for stream "${stream}"`);
    return {
      stored: (message, { duplicate, maybeDuplicate }) => {
        if (duplicate) counters.duplicate += 1;
        else counters.stored += 1;
        message.settled?.(true);
        if (maybeDuplicate) counters.maybeDuplicate += 1;
        onStored?.(stream, (clock.now() - message.arrivedAt) / 1_000);
        spans?.stored(message, duplicate);
      },
      shed: (message, reason) => {
        count(counters.shed, reason);
        spans?.shed(message, reason);
        if (reason === "too_large_to_store") this.#keepTooLarge(stream, message);
        else message.settled?.(false);
      },
      retried: (failure, detail) => {
        count(counters.retries, failure);
        rejections.publishFailed(stream, failure, detail, clock.now());
      },
    };
  }

  /** It would never fit, so it is settled with its copy. */
  #keepTooLarge(stream: string, message: LaneMessage): void {
    const { origin: ingest, subject, arrivedAt, body, settled } = message;
    const { wallClock, clock } = this.#context;
    if (this.#quarantine === null) {
      settled?.(true);
      return;
    }
    const code = "too_large_to_store";
    const detail = `its subject or its ${body.length} bytes are more than stream ${stream} or the server takes`;
    const receivedAtMs = wallClock() - (clock.now() - arrivedAt);
    const headers = () => message.headers;
    this.#quarantine.keep(
      { code, detail, ingest, subject, receivedAtMs, arrivedAt, body, headers, headersLeftOut: false },
      settled,
    );
  }

  async #openQuarantine(connectionName: string): Promise<void> {
    const { counters, connections, rejections, clock, instance } = this.#context;
    const spec = quarantineSpec(this.#config);
    const connection = await connections.get(connectionName, "publish");
    const { name: stream, duplicateWindowMs } = spec;
    const settings = { ...QUARANTINE_LANE, stream, duplicateWindowMs, ackTimeoutMs: ACK_TIMEOUT_MS };
    const onRetry = (failure: string, detail: string) => rejections.publishFailed(stream, failure, detail, clock.now());
    const lane = new Lane(connection, settings, quarantineObserver(counters.quarantine, onRetry), clock);
    connections.attach(lane);
    this.#quarantineLane = lane;
    const { perSecond } = this.#config.quarantine;
    const maxPayload = () => connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
    this.#quarantine = new Quarantine(
      lane,
      { prefix: stream, perSecond, instance, maxPayload },
      counters.quarantine,
      clock.now,
    );
  }
}

function quarantineObserver(counters: QuarantineCounters, onRetry: LaneObserver["retried"]): LaneObserver {
  return {
    stored: ({ settled }) => {
      counters.stored += 1;
      settled?.(true);
    },
    shed: ({ settled }, reason) => {
      if (reason !== "returned") counters.dropped += 1;
      settled?.(reason !== "returned"); // one whose beginning even does not fit would come again for ever
    },
    retried: onRetry,
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Rejection } from "../../shared/choria/message.ts";
import type { Trust } from "../../shared/choria/trust.ts";
import { fedStreams, queueGroup } from "../../shared/config/names.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import type { Lane, LaneClock } from "../../shared/jetstream/lane.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Readiness } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { Tracing } from "../../shared/telemetry/trace.ts";
import { within } from "../../shared/time/within.ts";
import { type BridgeCounters, createCounters } from "./accounting/counters.ts";
import { RejectionLog } from "./accounting/rejection-log.ts";
import { Connections } from "./connections.ts";
import { Denials } from "./denials.ts";
import { Hand, type HandShare } from "./hand.ts";
import { type Arrival, Ingest, type IngestObserver, type IngestOutlet } from "./ingest.ts";
import { Lanes } from "./lanes.ts";
import { ingestSettings } from "./policy.ts";
import { Slices } from "./slices.ts";
import { Sources } from "./sources/sources.ts";
import type { StreamSource } from "./sources/stream-source.ts";
import { store, type Target } from "./store.ts";
import { StoreSpans } from "./store-spans.ts";

/** Everything the bridge needs from outside. */
export interface BridgeEnvironment {
  /** Opens a NATS connection by its name in the configuration. */
  readonly connect: (name: string, label: string) => Promise<Connection>;
  readonly trust: Trust;
  /** Milliseconds since 1970: what the age of a message is judged by. */
  readonly wallClock: () => number;
  readonly clock: LaneClock;
  readonly log: Logger;
  /** Unique to this process. */
  readonly instance: string;
  /** Seconds from arrival to PubAck. */
  readonly onStored?: (stream: string, seconds: number) => void;
  readonly judgement?: IngestObserver;
  /** Null, or left out: no spans. */
  readonly tracing?: Tracing | null;
}

export interface StopReport {
  /** Messages received but not stored when the time was up, by stream. 0 everywhere is a clean stop. */
  readonly left: Readonly<Record<string, number>>;
  /** Messages received whose validation had not ended. */
  readonly validating: number;
}

/** What giving back to the sources may take when the time is up: their messages come again at once instead of after a lease. */
const GIVE_BACK_MS = 1_000;

/** Receives Choria messages, validates them and stores the proven ones, each confirmed by a PubAck. */
export class Bridge {
  readonly counters: BridgeCounters;
  readonly #config: Config;
  readonly #environment: BridgeEnvironment;
  readonly #hand: Hand;
  readonly #slices: Slices;
  readonly #rejections: RejectionLog;
  readonly #connections: Connections;
  readonly #lanes: Lanes;
  readonly #sources: Sources;
  readonly #spans: StoreSpans | null;
  #trust: Trust;
  #stopping = false;

  private constructor(config: Config, environment: BridgeEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#trust = environment.trust;
    this.#hand = new Hand(config.bridge.inFlight, config.bridge.inFlightBytes, Object.keys(config.ingest).length);
    this.#slices = new Slices(environment.clock.now);
    this.#rejections = new RejectionLog(environment.log);
    this.counters = createCounters(Object.keys(config.ingest), fedStreams(config));
    this.#connections = new Connections({
      ...environment,
      counters: this.counters.connections,
      denials: new Denials(config),
    });
    const { tracing = null } = environment;
    this.#spans = tracing === null ? null : new StoreSpans(tracing);
    this.#lanes = new Lanes(config, {
      ...environment,
      spans: this.#spans,
      counters: this.counters,
      connections: this.#connections,
      rejections: this.#rejections,
    });
    this.#sources = new Sources(config, this.#connections);
  }

  /** Connects and subscribes; the streams must exist. Rejects when a connection cannot be opened. */
  static async start(config: Config, environment: BridgeEnvironment): Promise<Bridge> {
    const bridge = new Bridge(config, environment);
    try {
      await bridge.#lanes.open();
      await bridge.#subscribe();
      await bridge.#startSources();
    } catch (error) {
      await bridge.stop(0);
      throw error;
    }
    return bridge;
  }

  /** New trust for the messages that arrive from now on; its caches start empty. */
  reloadTrust(trust: Trust): void {
    this.#trust = trust;
  }

  /** The files of a connection's credentials hold others than before. */
  credentialsChanged(name: string): Promise<void> {
    return this.#connections.credentialsChanged(name);
  }

  get lanes(): ReadonlyMap<string, Lane> {
    return this.#lanes.byStream;
  }

  get quarantineLane(): Lane | null {
    return this.#lanes.quarantineLane;
  }

  /** The ingests that take their messages from a stream. */
  get sources(): ReadonlyMap<string, StreamSource> {
    return this.#sources.byIngest;
  }

  /** Messages being validated. */
  get validating(): number {
    return this.#hand.messages;
  }

  readiness(): Readiness {
    const reasons = [
      ...(this.#stopping ? ["the bridge is stopping"] : []),
      ...this.#connections.health.problems,
      ...this.#lanes.problems,
      ...this.#sources.problems,
    ];
    return { ready: reasons.length === 0, reasons };
  }

  /**
   * Stops receiving, stores what is in hand and closes; waits no longer than `deadlineMs`. What came from a stream and
   * cannot be stored in time is given back to it.
   */
  async stop(deadlineMs: number): Promise<StopReport> {
    const { now } = this.#environment.clock;
    const deadline = now() + deadlineMs;
    this.#stopping = true;
    await within(Promise.all([this.#connections.drain(), this.#sources.withdraw()]), deadline - now());
    while (this.#hand.messages > 0 && now() < deadline) await sleep(5);
    const left = await this.#lanes.close(Math.max(0, deadline - now()));
    await within(this.#sources.close(), Math.max(GIVE_BACK_MS, deadline - now()));
    await this.#connections.close();
    return { left, validating: this.#hand.messages };
  }

  async #subscribe(): Promise<void> {
    for (const [name, settings] of Object.entries(this.#config.ingest)) {
      if (settings.from !== "core") continue;
      const ingest = this.#ingest(name, { outlet: this.#outlet(name), hand: this.#hand.share() });
      const { wallClock, clock, instance } = this.#environment;
      let arrivals = 0;
      const wanted = { subject: settings.subject, queue: queueGroup(settings) };
      await this.#connections.subscribe(settings.connection, wanted, ({ subject, data, size, headers }) => {
        arrivals += 1;
        const [nowMs, arrivalId] = [wallClock(), `${instance}.${name}.${arrivals}`];
        ingest.receive({
          subject,
          data,
          size,
          headers,
          arrivalId,
          receivedAtMs: nowMs,
          nowMs,
          arrivedAt: clock.now(),
          settled: null,
        });
      });
    }
  }

  async #startSources(): Promise<void> {
    const { wallClock, clock, log } = this.#environment;
    await this.#sources.start({ wallClock, now: clock.now, log }, (name) => {
      const hand = this.#hand.share();
      return {
        ingest: (outlet) => this.#ingest(name, { outlet, hand }),
        hand,
        outlet: this.#outlet(name),
        lanes: this.#targets(name).map(({ lane }) => lane),
      };
    });
  }

  #ingest(name: string, { outlet, hand }: { outlet: IngestOutlet; hand: HandShare }): Ingest {
    const settings = ingestSettings(name, this.#config.ingest[name] ?? missing(name));
    const counters = this.counters.ingests.get(name) ?? missing(name);
    const observer = this.#environment.judgement ?? null;
    return new Ingest(settings, {
      counters,
      hand,
      slices: this.#slices.queue(),
      outlet,
      trust: () => this.#trust,
      observer,
    });
  }

  /** A shadow's verdicts are counted and logged, and go nowhere. */
  #outlet(name: string): IngestOutlet {
    const isShadow = this.#config.ingest[name]?.enforce === false;
    const targets = isShadow ? [] : this.#targets(name);
    return {
      accept: (message, arrival) => store(message, targets, arrival),
      reject: (rejection, arrival) => {
        this.#rejections.rejected(name, rejection, arrival);
        if (!isShadow) this.#quarantine(name, rejection, arrival);
      },
    };
  }

  #quarantine(ingest: string, rejection: Rejection, arrival: Arrival): void {
    const { subject, receivedAtMs, arrivedAt, data: body, headers, headersLeftOut = false, settled } = arrival;
    const { quarantine } = this.#lanes;
    if (quarantine === null) settled?.(true);
    else
      quarantine.keep(
        { ...rejection, ingest, subject, receivedAtMs, arrivedAt, body, headers, headersLeftOut },
        settled,
      );
  }

  #targets(ingest: string): readonly Target[] {
    return this.#config.ingest[ingest]?.to.map((stream) => this.#target(ingest, stream)) ?? [];
  }

  #target(ingest: string, stream: string): Target {
    const { subject, body } = this.#config.streams[stream] ?? missing(stream);
    const lane = this.lanes.get(stream) ?? missing(stream);
    const counters = this.counters.streams.get(stream) ?? missing(stream);
    return { ingest, lane, subject: compileTemplate(subject), body, counters, spans: this.#spans };
  }
}

function missing(name: string): never {
  throw new Error(`"${name}" is not in the configuration, which was checked for that`);
}

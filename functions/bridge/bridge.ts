import { setTimeout as sleep } from "node:timers/promises";
import type { Trust } from "../../shared/choria/trust.ts";
import { queueGroup } from "../../shared/config/names.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import type { Lane, LaneClock } from "../../shared/jetstream/lane.ts";
import { type CoreSubscription, subscribeCore } from "../../shared/jetstream/subscribe.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Readiness } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { within } from "../../shared/time/within.ts";
import { type BridgeCounters, createCounters } from "./accounting/counters.ts";
import { RejectionLog } from "./accounting/rejection-log.ts";
import { Connections } from "./connections.ts";
import { Hand } from "./hand.ts";
import { type Arrival, Ingest } from "./ingest.ts";
import { Lanes } from "./lanes.ts";
import { ingestSettings } from "./policy.ts";
import { store, type Target } from "./store.ts";

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
}

export interface StopReport {
  /** Messages received but not stored when the time was up, by stream. 0 everywhere is a clean stop. */
  readonly left: Readonly<Record<string, number>>;
  /** Messages received whose validation had not ended. */
  readonly validating: number;
}

/** Receives Choria messages, validates them and stores the proven ones, each confirmed by a PubAck. */
export class Bridge {
  readonly counters: BridgeCounters;
  readonly #config: Config;
  readonly #environment: BridgeEnvironment;
  readonly #hand: Hand;
  readonly #rejections: RejectionLog;
  readonly #connections: Connections;
  readonly #subscriptions: CoreSubscription[] = [];
  readonly #lanes: Lanes;
  #trust: Trust;
  #stopping = false;

  private constructor(config: Config, environment: BridgeEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#trust = environment.trust;
    this.#hand = new Hand(config.bridge.inFlight, config.bridge.inFlightBytes);
    this.#rejections = new RejectionLog(environment.log);
    const streams = new Set(Object.values(config.ingest).flatMap(({ to }) => to));
    this.counters = createCounters(Object.keys(config.ingest), [...streams]);
    this.#connections = new Connections({ ...environment, counters: this.counters.connections });
    this.#lanes = new Lanes(config, {
      ...environment,
      counters: this.counters,
      connections: this.#connections,
      rejections: this.#rejections,
    });
  }

  /** Connects and subscribes; the streams must exist. Rejects when a connection cannot be opened. */
  static async start(config: Config, environment: BridgeEnvironment): Promise<Bridge> {
    const bridge = new Bridge(config, environment);
    try {
      await bridge.#lanes.open();
      await bridge.#subscribe();
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

  get lanes(): ReadonlyMap<string, Lane> {
    return this.#lanes.byStream;
  }

  /** Messages being validated. */
  get validating(): number {
    return this.#hand.messages;
  }

  readiness(): Readiness {
    const reasons = [...(this.#stopping ? ["the bridge is stopping"] : []), ...this.#connections.health.problems];
    return { ready: reasons.length === 0, reasons };
  }

  /** Stops receiving, stores what is in hand and closes; waits no longer than `deadlineMs`. */
  async stop(deadlineMs: number): Promise<StopReport> {
    const { now } = this.#environment.clock;
    const deadline = now() + deadlineMs;
    this.#stopping = true;
    const drained = Promise.all(this.#subscriptions.map((subscription) => subscription.drain().catch(() => {})));
    await within(drained, deadline - now());
    while (this.#hand.messages > 0 && now() < deadline) await sleep(5);
    const left = await this.#lanes.close(Math.max(0, deadline - now()));
    await this.#connections.close();
    return { left, validating: this.#hand.messages };
  }

  async #subscribe(): Promise<void> {
    for (const [name, settings] of Object.entries(this.#config.ingest)) {
      const ingest = this.#ingest(name, settings.to);
      const connection = await this.#connections.get(settings.connection, "ingest");
      const { wallClock, clock, instance } = this.#environment;
      let arrivals = 0;
      const wanted = { subject: settings.subject, queue: queueGroup(settings) };
      const subscription = await subscribeCore(connection, wanted, ({ subject, data, headers }) => {
        arrivals += 1;
        const [nowMs, arrivalId] = [wallClock(), `${instance}.${name}.${arrivals}`];
        ingest.receive({
          subject,
          data,
          headers,
          arrivalId,
          receivedAtMs: nowMs,
          nowMs,
          arrivedAt: clock.now(),
          settled: null,
        });
      });
      this.#subscriptions.push(subscription);
    }
  }

  #ingest(name: string, to: readonly string[]): Ingest {
    const settings = ingestSettings(name, this.#config.ingest[name] ?? missing(name));
    const targets = to.map((stream) => this.#target(stream));
    const counters = this.counters.ingests.get(name) ?? missing(name);
    const outlet = {
      accept: (message: Parameters<typeof store>[0], arrival: Arrival) => store(message, targets, arrival),
      reject: (rejection: { code: string; detail: string }, arrival: Arrival) => {
        this.#rejections.rejected(name, rejection, arrival);
        const { subject, receivedAtMs, arrivedAt, data: body } = arrival;
        this.#lanes.quarantine?.keep({ ...rejection, ingest: name, subject, receivedAtMs, arrivedAt, body });
      },
    };
    return new Ingest(settings, { counters, hand: this.#hand, outlet, trust: () => this.#trust });
  }

  #target(stream: string): Target {
    const { subject, body } = this.#config.streams[stream] ?? missing(stream);
    const lane = this.lanes.get(stream) ?? missing(stream);
    const counters = this.counters.streams.get(stream) ?? missing(stream);
    return { lane, subject: compileTemplate(subject), body, counters };
  }
}

function missing(name: string): never {
  throw new Error(`"${name}" is not in the configuration, which was checked for that`);
}

import type { Msg, NatsConnection } from "nats";
import { nak } from "./acknowledge.ts";
import { Arrival } from "./arrival.ts";
import { Delivery } from "./delivery.ts";
import { inboxWildcard } from "./inbox.ts";
import { PullLedger } from "./pull-ledger.ts";
import { type PullStatus, readPullStatus } from "./pull-status.ts";
import { StandingSubscription } from "./standing.ts";

export interface PullSettings {
  readonly stream: string;
  readonly durable: string;
  /** Most messages held or asked for at one time, looked up at each pull. Held ones wait, so more is not better. */
  readonly prefetch: () => number;
  /** True: each pull takes what is there and ends (a drain). False: pulls wait for messages. */
  readonly noWait: boolean;
  /**
   * Most bytes that may come at present, looked up at each pull; one pull is open at a time then. A message that is larger
   * comes by itself, when no other is held. Absent: bytes are not bounded.
   */
  readonly roomBytes?: () => number;
}

export interface PullObserver {
  /** A message was handed over; `release()` must follow once it is settled. */
  delivered(delivery: Delivery): void;
  /** A `noWait` pull is over; `nothing` when it brought no message at all. */
  exhausted(nothing: boolean): void;
  /** A pull failed, or the server fell silent; it is asked again. */
  trouble(detail: string): void;
  /** A message arrived after `close()` or `pause()` and was given back at once. */
  returned(delivery: Delivery): void;
}

interface Room {
  readonly batch: number;
  readonly bytes: number;
}

const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 2_000;
/** Two heartbeats may be missed before the pulls are given up (the rule of ADR-37). */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000;
const NO_WAIT_SILENCE_MS = 2_000;
const TICK_MS = 250;
const FAILURE_DELAY_MIN_MS = 100;
const FAILURE_DELAY_MAX_MS = 5_000;
const NS_PER_MS = 1_000_000;
const LARGE_ONE: Room = { batch: 1, bytes: Number.POSITIVE_INFINITY };
/** The connection's own report names the subject. */
const DENIED = "the server does not let the connection listen for messages; asking again once it does";

/**
 * Pulls from a durable consumer by raw requests. The client's own `consume()` hides which pull is open, and an open pull
 * in a process that is frozen or ends eats deliveries until their lease is over; here `close()` withdraws every pull and
 * gives back what was already under way.
 */
export class Pull {
  readonly #connection: NatsConnection;
  readonly #settings: PullSettings;
  readonly #observer: PullObserver;
  readonly #now: () => number;
  readonly #api: string;
  #inbox = "";
  #subscription: StandingSubscription;
  readonly #ticker: NodeJS.Timeout;
  readonly #ledger = new PullLedger();
  #held = 0;
  #brought = 0;
  #pulls = 0;
  #failures = 0;
  #resumeAt = 0;
  readonly #arrival: Arrival;
  #heardAt: number;
  #connected = true;
  #trouble: string | null = null;
  /** So many bytes were not enough for the next message. */
  #unfitBytes = 0;
  #closing: Promise<void> | null = null;
  /** Set while paused: resolves once the server knows that nothing is asked for. */
  #pausing: Promise<unknown> | null = null;
  /** What was asked last: a resume that is still on its way is overtaken by a pause. */
  #isToPause = false;
  /** The server fell silent: the inbox is being changed. */
  #isChangingInbox = false;

  /** `now` is a monotonic clock in milliseconds. Starts pulling at once. */
  constructor(connection: NatsConnection, settings: PullSettings, observer: PullObserver, now: () => number) {
    this.#connection = connection;
    this.#settings = settings;
    this.#observer = observer;
    this.#now = now;
    this.#api = `$JS.API.CONSUMER.MSG.NEXT.${settings.stream}.${settings.durable}`;
    this.#heardAt = now();
    this.#arrival = new Arrival(connection, now);
    this.#subscription = this.#listen();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ask();
  }

  /** Messages handed over and not released yet. */
  get held(): number {
    return this.#held;
  }

  /** What the last pull failed with, while none has succeeded since. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Asks for nothing until `resume`, and withdraws what was asked for; messages on their way are given back. */
  pause(): void {
    this.#isToPause = true;
    if (this.#closing === null) this.#pausing ??= this.#endSubscription();
  }

  async resume(): Promise<void> {
    this.#isToPause = false;
    const pausing = this.#pausing;
    if (pausing === null) return;
    await pausing;
    if (this.#closing !== null || this.#pausing !== pausing || this.#isToPause) return;
    this.#pausing = null;
    this.#ledger.forgetAll();
    this.#subscription = this.#listen();
    this.#ask();
  }

  get isPaused(): boolean {
    return this.#pausing !== null;
  }

  /** One message handed over has been settled: another may come. */
  release(): void {
    this.#held -= 1;
    this.#ask();
  }

  /** A `noWait` pull: look again for messages. */
  again(): void {
    this.#ask();
  }

  /** Nothing is asked until `reconnected`: the client would keep the requests and send them all at once. */
  disconnected(): void {
    this.#connected = false;
  }

  /** The connection is back: the server has forgotten the pulls of the old one. */
  reconnected(): void {
    this.#arrival.reconnected();
    this.#connected = true;
    this.#ledger.forgetAll();
    this.#resumeAt = 0;
    this.#heardAt = this.#now();
    this.#ask();
  }

  /**
   * Withdraws every open pull. Messages that were already on their way are given back; once this resolves the server
   * knows of all of it, and none arrives any more. Safe to call again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#withdraw();
    return this.#closing;
  }

  /** Messages of an earlier subscription cannot be taken for those of a later one: each has an inbox of its own. */
  #listen(): StandingSubscription {
    const subject = inboxWildcard(this.#connection);
    this.#inbox = subject.slice(0, -1);
    return new StandingSubscription(this.#connection, { subject }, (message) => this.#receive(message));
  }

  async #withdraw(): Promise<void> {
    clearInterval(this.#ticker);
    await (this.#pausing ?? this.#endSubscription());
  }

  /** False: the connection was lost, and `reconnected` asks again. */
  async #endSubscription(): Promise<boolean> {
    if (this.#connection.isClosed()) return false;
    await this.#subscription.drain().catch(() => {}); // the callback stays until the server has seen the UNSUB
    if (this.#connection.isClosed()) return false;
    return this.#connection.flush().then(
      () => true,
      () => false,
    );
  }

  #receive(message: Msg): void {
    const arrivedAt = this.#arrival.earliest();
    this.#heardAt = this.#now();
    const status = readPullStatus(message);
    if (status?.type !== "failed") this.#trouble = null;
    if (status !== null) this.#hear(status, message.subject.slice(this.#inbox.length));
    else this.#deliver(new Delivery(message, arrivedAt));
  }

  #deliver(delivery: Delivery): void {
    this.#ledger.delivered(delivery.size);
    if (this.#closing !== null || this.#pausing !== null) {
      this.#connection.publish(delivery.ackSubject, nak(0));
      this.#observer.returned(delivery);
      return;
    }
    this.#failures = 0;
    this.#brought += 1;
    this.#held += 1;
    this.#observer.delivered(delivery);
  }

  #hear(status: PullStatus, token: string): void {
    if (status.type === "heartbeat" || this.#closing !== null || this.#pausing !== null) return;
    if (status.type === "ended" && status.tooLarge) this.#unfitBytes = this.#ledger.owedBytes;
    this.#ledger.ended(token, status.undelivered);
    if (status.type === "failed") this.#backOff(status.detail);
    else if (this.#settings.noWait) this.#observer.exhausted(this.#brought === 0);
    else this.#ask();
  }

  #backOff(detail: string): void {
    this.#resumeAt = this.#now() + Math.min(FAILURE_DELAY_MAX_MS, FAILURE_DELAY_MIN_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#report(detail);
  }

  #report(detail: string): void {
    this.#trouble = detail;
    this.#observer.trouble(detail);
  }

  #tick(): void {
    const now = this.#now();
    this.#arrival.earliest();
    this.#ledger.expire(now);
    const silence = this.#settings.noWait ? NO_WAIT_SILENCE_MS : SILENCE_MS;
    const isDeaf = this.#subscription.isDenied || now - this.#heardAt > silence;
    if (this.#ledger.owed > 0 && isDeaf && this.#connected) this.#silent();
    if (!this.#settings.noWait || this.#resumeAt > 0) this.#ask();
  }

  #silent(): void {
    this.#heardAt = this.#now();
    if (this.#subscription.isDenied) {
      this.#ledger.forgetAll();
      this.#backOff(DENIED);
      return;
    }
    if (this.#isChangingInbox) return;
    if (!this.#settings.noWait) this.#report("the server sent neither messages nor heartbeats; asking again");
    void this.#changeInbox();
  }

  /**
   * A server that is only slow has the pulls still: asked again at each silence it would bring several times what there is
   * room for. It drops them with the inbox, and until it has, what they bring is taken.
   *
   * A `noWait` pull whose consumer has its maximum of deliveries in flight gets no answer at all: over, if the server
   * answers otherwise. One that is frozen has not said that there is nothing.
   */
  async #changeInbox(): Promise<void> {
    const silent = this.#subscription;
    this.#isChangingInbox = true;
    const isAlive = await this.#endSubscription();
    this.#isChangingInbox = false;
    if (this.#closing !== null || this.#pausing !== null) return;
    const isOver = this.#settings.noWait && isAlive && this.#ledger.owed > 0;
    if (this.#subscription === silent) {
      this.#ledger.forgetAll();
      this.#subscription = this.#listen();
    }
    if (isOver) this.#observer.exhausted(this.#brought === 0);
    else this.#ask();
  }

  /** Asks for what there is room for, in batches: a request per released message would double the traffic. */
  #ask(): void {
    if (this.#closing !== null || this.#pausing !== null || this.#isChangingInbox) return;
    if (!this.#connected || this.#connection.isClosed() || this.#subscription.isDenied) return;
    const room = this.#room();
    if (room === null) return;
    const now = this.#now();
    if (now < this.#resumeAt) return;
    this.#resumeAt = 0;
    if (this.#ledger.owed === 0) this.#heardAt = now;
    this.#brought = 0;
    this.#pulls += 1;
    const token = this.#pulls.toString(36);
    const { batch, bytes } = room;
    this.#unfitBytes = 0;
    this.#ledger.asked(token, { batch, bytes, goneAt: now + EXPIRES_MS + SILENCE_MS });
    const request = { batch, ...maxBytes(bytes), ...waiting(this.#settings) };
    this.#connection.publish(this.#api, JSON.stringify(request), { reply: this.#inbox + token });
  }

  /** What to ask for now, or null. */
  #room(): Room | null {
    const { prefetch, noWait, roomBytes } = this.#settings;
    const isAlone = noWait || roomBytes !== undefined;
    if (isAlone && this.#ledger.owed > 0) return null;
    const most = prefetch();
    const batch = most - this.#held - this.#ledger.owed;
    if (batch < Math.max(1, most / 8)) return null;
    const bytes = roomBytes?.() ?? Number.POSITIVE_INFINITY;
    if (bytes > this.#unfitBytes) return { batch, bytes };
    return this.#held > 0 ? null : LARGE_ONE; // the next message does not fit now either
  }
}

function maxBytes(bytes: number): object {
  return Number.isFinite(bytes) ? { max_bytes: Math.max(1, Math.floor(bytes)) } : {};
}

function waiting({ noWait }: PullSettings): object {
  if (noWait) return { no_wait: true };
  return { expires: EXPIRES_MS * NS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NS_PER_MS };
}

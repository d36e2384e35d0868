import { judge } from "../../shared/choria/judge.ts";
import type {
  IngestKind,
  Moment,
  Proof,
  Rejection,
  RejectionCode,
  ValidatedMessage,
  Verdict,
  Wire,
} from "../../shared/choria/message.ts";
import { type Policy, policyRefusal } from "../../shared/choria/policy.ts";
import type { Trust } from "../../shared/choria/trust.ts";
import { count, type IngestCounters } from "./accounting/counters.ts";
import type { HandShare } from "./hand.ts";
import { InOrder } from "./in-order.ts";
import type { SliceQueue } from "./slices.ts";

export interface IngestSettings {
  readonly name: string;
  readonly kind: IngestKind;
  /** The weakest proof that is accepted. */
  readonly proof: Proof;
  readonly policy: Policy;
}

/** A message as it came off the wire, before anything is known about it. */
export interface Arrival extends Wire, Moment {
  /** Bytes of all that is held of it: body and headers. */
  readonly size: number;
  /** More headers than anybody looks at: `headers` gives none. */
  readonly headersLeftOut?: true;
  /** Monotonic milliseconds. */
  readonly arrivedAt: number;
  /**
   * Called once when nothing more will happen to it; null where nobody can send it again. True: stored in every stream of
   * its ingest, or kept by the quarantine. False: it has to come again.
   */
  readonly settled: ((kept: boolean) => void) | null;
}

/** Where an ingest's verdicts go, and the limits shared by all ingests of a bridge. */
export interface IngestOutlet {
  accept(message: ValidatedMessage, arrival: Arrival): void;
  reject(rejection: Rejection, arrival: Arrival): void;
}

/** Told what the judgement of some messages showed, for metrics. */
export interface IngestObserver {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly judged: (ingest: string, seconds: number) => void;
  /** Of a sender that proved its time. */
  readonly skewed: (ingest: string, secondsAhead: number) => void;
}

/** An observation costs most of a microsecond, and a distribution needs no more than one message in so many. */
const TIMED_ONE_IN = 16;

const STRENGTH: Readonly<Record<Proof, number>> = { none: 0, hash: 1, payload: 2, signature: 3 };

/** The code for a message that is valid but proven more weakly than the ingest demands. */
const TOO_WEAK: Readonly<Record<Proof, RejectionCode>> = {
  none: "insecure_signature",
  hash: "reply_unsigned",
  payload: "signature_invalid",
  signature: "signature_invalid",
};

/** The client reads headers in a time that grows with the square of their number: a megabyte of them would be minutes. */
const MOST_HEADER_BYTES = 8_192;

interface Judged {
  readonly verdict: Verdict;
  readonly arrival: Arrival;
}

/** Takes messages as fast as they come, validates them concurrently and hands the verdicts on in order of arrival. */
export class Ingest {
  readonly settings: IngestSettings;
  readonly #counters: IngestCounters;
  readonly #hand: HandShare;
  readonly #slices: SliceQueue;
  readonly #outlet: IngestOutlet;
  readonly #trust: () => Trust;
  readonly #observer: IngestObserver | null;
  readonly #judged = new InOrder<Judged>((judged) => this.#settle(judged));

  constructor(
    settings: IngestSettings,
    context: {
      counters: IngestCounters;
      hand: HandShare;
      slices: SliceQueue;
      outlet: IngestOutlet;
      trust: () => Trust;
      observer: IngestObserver | null;
    },
  ) {
    this.settings = settings;
    this.#counters = context.counters;
    this.#hand = context.hand;
    this.#slices = context.slices;
    this.#outlet = context.outlet;
    this.#trust = context.trust;
    this.#observer = context.observer;
  }

  receive(arrived: Arrival): void {
    this.#counters.received += 1;
    this.#counters.receivedBytes += arrived.data.length;
    this.#slices.read(arrived.size);
    if (!this.#hand.take(arrived.size)) {
      this.#counters.overload += 1;
      arrived.settled?.(false);
      return;
    }
    const arrival = this.#slices.isLong() ? detached(arrived) : arrived;
    const done = this.#judged.take();
    const timed = this.#observer !== null && this.#counters.received % TIMED_ONE_IN === 1 ? this.#observer : null;
    const begun = timed === null ? 0 : timed.now();
    this.#slices.add(() => {
      const refused = headersRefusal(arrival);
      if (refused !== null) return done(refused);
      void judge(arrival, this.settings.kind, this.#trust(), arrival).then((verdict) => {
        if (timed !== null) this.#observe(timed, { begun, verdict, arrival });
        done({ verdict, arrival });
      });
    });
  }

  #settle({ verdict, arrival }: Judged): void {
    this.#hand.put(arrival.size);
    const refused = verdict.ok ? unacceptable(verdict.message, arrival, this.settings) : verdict.rejection;
    if (verdict.ok && refused === null) {
      count(this.#counters.validated, `${verdict.message.protocol}/${verdict.message.proof}`);
      this.#outlet.accept(verdict.message, arrival);
    } else if (refused !== null) {
      count(this.#counters.rejected, refused.code);
      this.#outlet.reject(refused, arrival);
    }
  }

  #observe(observer: IngestObserver, { begun, verdict, arrival }: Judged & { readonly begun: number }): void {
    const { name } = this.settings;
    observer.judged(name, (observer.now() - begun) / 1_000);
    if (!verdict.ok || verdict.message.senderProof === "none") return;
    observer.skewed(name, (Number(verdict.message.timeNs) / 1e6 - arrival.receivedAtMs) / 1_000);
  }
}

/** What is refused before its headers are looked at; they are kept nowhere. */
function headersRefusal(arrival: Arrival): Judged | null {
  const bytes = arrival.size - arrival.data.length;
  if (bytes <= MOST_HEADER_BYTES) return null;
  const detail = `${bytes} bytes of headers and subject; ${MOST_HEADER_BYTES} are accepted`;
  const verdict: Verdict = { ok: false, rejection: { code: "too_large", detail } };
  return { verdict, arrival: { ...arrival, headers: () => [], headersLeftOut: true } };
}

/**
 * A copy apart from the 64 KiB that the message was read with, which live for as long as anything of theirs does: in a
 * burst most of what was read together is shed, and what is kept would take sixteen times its size.
 */
function detached(arrival: Arrival): Arrival {
  const others = arrival.size - arrival.data.length;
  if (others > MOST_HEADER_BYTES) return arrival; // refused before anything reads its headers
  const headers = others > arrival.subject.length ? arrival.headers() : [];
  return { ...arrival, data: Buffer.from(arrival.data), headers: () => headers };
}

/** Why an ingest does not take a message that trust lets in, or null when it does. */
export function unacceptable(
  message: ValidatedMessage,
  arrival: Pick<Arrival, "data" | "receivedAtMs">,
  ingest: IngestSettings,
): Rejection | null {
  return tooWeak(message, ingest) ?? policyRefusal(message, arrival, ingest.policy);
}

/** Why a proven message is not proven strongly enough for its ingest, or null when it is. */
function tooWeak(message: ValidatedMessage, ingest: IngestSettings): Rejection | null {
  if (STRENGTH[message.proof] >= STRENGTH[ingest.proof]) return null;
  const code = message.kind === "submission" ? "submission_unsigned" : TOO_WEAK[message.proof];
  const detail = `proof is ${message.proof}, ingest ${ingest.name} requires ${ingest.proof}`;
  return { code, detail };
}

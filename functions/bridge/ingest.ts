import type { Kind, Proof, Rejection, RejectionCode, ValidatedMessage, Verdict } from "../../shared/choria/message.ts";
import type { Trust } from "../../shared/choria/trust.ts";
import { validate } from "../../shared/choria/validate.ts";
import { count, type IngestCounters } from "./accounting/counters.ts";
import { InOrder } from "./in-order.ts";

export interface IngestSettings {
  readonly name: string;
  readonly kind: Kind;
  /** The weakest proof that is accepted. */
  readonly proof: Proof;
}

/** A message as it came off the wire, before anything is known about it. */
export interface Arrival {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Headers of the wire; nothing proves them. */
  headers(): readonly (readonly [name: string, value: string])[];
  /** Wall clock, milliseconds: what its age is judged by, once. */
  readonly receivedAtMs: number;
  /** Monotonic milliseconds. */
  readonly arrivedAt: number;
}

/** Where an ingest's verdicts go, and the limits shared by all ingests of a bridge. */
export interface IngestOutlet {
  accept(message: ValidatedMessage, arrival: Arrival): void;
  reject(rejection: Rejection, arrival: Arrival): void;
}

/** What all ingests of a bridge hold together; the reader sheds beyond it instead of falling behind. */
export class Hand {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** False when the hand is full. */
  take(bytes: number): boolean {
    if (this.#messages >= this.#maxMessages || this.#bytes + bytes > this.#maxBytes) return false;
    this.#messages += 1;
    this.#bytes += bytes;
    return true;
  }

  put(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }
}

const STRENGTH: Readonly<Record<Proof, number>> = { none: 0, hash: 1, signature: 2 };

/** The code for a message that is valid but proven more weakly than the ingest demands. */
const TOO_WEAK: Readonly<Record<Proof, RejectionCode>> = {
  none: "insecure_signature",
  hash: "reply_unsigned",
  signature: "signature_invalid",
};

interface Judged {
  readonly verdict: Verdict;
  readonly arrival: Arrival;
}

/** Takes messages as fast as they come, validates them concurrently and hands the verdicts on in order of arrival. */
export class Ingest {
  readonly settings: IngestSettings;
  readonly #counters: IngestCounters;
  readonly #hand: Hand;
  readonly #outlet: IngestOutlet;
  readonly #trust: () => Trust;
  readonly #judged = new InOrder<Judged>((judged) => this.#settle(judged));

  constructor(
    settings: IngestSettings,
    context: { counters: IngestCounters; hand: Hand; outlet: IngestOutlet; trust: () => Trust },
  ) {
    this.settings = settings;
    this.#counters = context.counters;
    this.#hand = context.hand;
    this.#outlet = context.outlet;
    this.#trust = context.trust;
  }

  receive(arrival: Arrival): void {
    const bytes = arrival.data.length;
    this.#counters.received += 1;
    this.#counters.receivedBytes += bytes;
    if (!this.#hand.take(bytes)) {
      this.#counters.overload += 1;
      return;
    }
    const done = this.#judged.take();
    void validate(arrival.data, this.settings.kind, this.#trust(), arrival.receivedAtMs).then((verdict) =>
      done({ verdict, arrival }),
    );
  }

  #settle({ verdict, arrival }: Judged): void {
    this.#hand.put(arrival.data.length);
    const refused = verdict.ok ? tooWeak(verdict.message, this.settings) : verdict.rejection;
    if (verdict.ok && refused === null) {
      count(this.#counters.validated, `${verdict.message.protocol}/${verdict.message.proof}`);
      this.#outlet.accept(verdict.message, arrival);
    } else if (refused !== null) {
      count(this.#counters.rejected, refused.code);
      this.#outlet.reject(refused, arrival);
    }
  }
}

/** Why a proven message is not proven strongly enough for its ingest, or null when it is. */
export function tooWeak(message: ValidatedMessage, ingest: IngestSettings): Rejection | null {
  if (STRENGTH[message.proof] >= STRENGTH[ingest.proof]) return null;
  const detail = `proof is ${message.proof}, ingest ${ingest.name} requires ${ingest.proof}`;
  return { code: TOO_WEAK[message.proof], detail };
}

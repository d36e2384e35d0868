import * as z from "zod";
import type { Protocol, RejectionCode } from "../../shared/choria/message.ts";

const count = z.number().int().nonnegative();

/** What the fleet handed to the server, every number confirmed by a flush. */
export const fleetReportSchema = z.strictObject({
  /** good + bad. */
  sent: count,
  good: count,
  bad: count,
  byProtocol: z.strictObject({ v1: count, v2: count }),
  /** Hostile messages by the code a strict receiver refuses them with. */
  badByExpectedCode: z.record(z.string(), count),
  /** Written while the connection was lost: the server may or may not have them. */
  unconfirmed: count,
  /** Not sent: this machine signs more slowly than the fleet reports. */
  skipped: count,
});
export type FleetReport = z.output<typeof fleetReportSchema>;

/** A message as it is counted: whose protocol, and what a strict receiver says to it. */
export interface Sent {
  readonly protocol: Protocol;
  readonly expected: "ok" | RejectionCode;
}

/** Counts what the fleet sends. */
export class FleetTally {
  readonly #byProtocol = { v1: 0, v2: 0 };
  readonly #bad = new Map<RejectionCode, number>();
  #good = 0;
  #unconfirmed = 0;
  #skipped = 0;

  sent(messages: readonly Sent[]): void {
    for (const { protocol, expected } of messages) {
      this.#byProtocol[protocol] += 1;
      if (expected === "ok") this.#good += 1;
      else this.#bad.set(expected, (this.#bad.get(expected) ?? 0) + 1);
    }
  }

  unconfirmed(messages: number): void {
    this.#unconfirmed += messages;
  }

  skipped(messages: number): void {
    this.#skipped += messages;
  }

  report(): FleetReport {
    const bad = [...this.#bad.values()].reduce((sum, each) => sum + each, 0);
    return {
      sent: this.#good + bad,
      good: this.#good,
      bad,
      byProtocol: { ...this.#byProtocol },
      badByExpectedCode: Object.fromEntries(this.#bad),
      unconfirmed: this.#unconfirmed,
      skipped: this.#skipped,
    };
  }
}

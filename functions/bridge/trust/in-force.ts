import {
  firstListDueMs,
  summarizeTrust,
  type TrustSummary,
  trustChanges,
  trustCounts,
} from "../../../shared/choria/audit/summary.ts";
import type { TrustSettings } from "../../../shared/choria/settings.ts";
import { createTrust, type Trust } from "../../../shared/choria/trust.ts";
import { refuseOlderLists } from "../../../shared/choria/x509/lists.ts";
import type { Logger } from "../../../shared/telemetry/logger.ts";

export interface TrustCounters {
  /** Times another trust was taken into force. */
  changes: number;
  /** Times trust was read again and could not be used. */
  refusals: number;
}

export type ReloadResult = "changed" | "unchanged" | "refused";

/** Why trust is read again. */
export type ReloadCause = "SIGHUP" | "a trust file changed";

/**
 * The trust that verdicts rest on, and its audit trail: one log line for each change, with what changed. Trust that cannot
 * be used is refused as a whole and the one in force stays: a broken file must neither open nor close the door.
 */
export class TrustInForce {
  readonly counters: TrustCounters = { changes: 0, refusals: 0 };
  readonly #log: Logger;
  #trust: Trust;
  #summary: TrustSummary;
  /** What was refused last, and not mended since. */
  readonly #refused = new Set<ReloadCause>();

  /** Throws a `TrustError` for settings no verdict can rest on. */
  constructor(settings: TrustSettings, log: Logger) {
    this.#log = log;
    this.#trust = createTrust(settings);
    this.#summary = summarizeTrust(settings, this.#trust);
    log.info({ digest: this.#summary.digest, entries: trustCounts(this.#summary) }, "trust is in force");
  }

  get trust(): Trust {
    return this.#trust;
  }

  /** Whether what was read last is refused, so that an older trust is in force. */
  get isRefused(): boolean {
    return this.#refused.size > 0;
  }

  /** What an operator should know although messages are taken. */
  get warnings(): readonly string[] {
    return this.isRefused ? ["trust: what was read last is refused, an older trust is in force (see the log)"] : [];
  }

  /** Unix milliseconds; null when no revocation list says when it is due. */
  get listDueMs(): number | null {
    return firstListDueMs(this.#trust);
  }

  /** Takes trust anew; `read` may throw. What is proven and remembered is forgotten only if something has changed. */
  reload(read: () => TrustSettings, cause: ReloadCause): ReloadResult {
    try {
      const settings = read();
      const trust = createTrust(settings);
      if (this.#trust.v1 !== null && trust.v1 !== null) refuseOlderLists(this.#trust.v1.anchors, trust.v1.anchors);
      return this.#take(summarizeTrust(settings, trust), trust, cause);
    } catch (error) {
      this.#refused.add(cause);
      this.counters.refusals += 1;
      this.#log.error({ err: error, cause, digest: this.#summary.digest }, REFUSED);
      return "refused";
    }
  }

  #take(summary: TrustSummary, trust: Trust, cause: ReloadCause): ReloadResult {
    const { digest: was } = this.#summary;
    const { digest } = summary;
    const wasRefused = this.isRefused;
    // Files alone are read under the old section: that a section was refused is not mended by them.
    if (cause === "SIGHUP") this.#refused.clear();
    else this.#refused.delete(cause);
    if (digest === was) {
      if (wasRefused || cause === "SIGHUP") this.#log.info({ cause, digest }, UNCHANGED);
      return "unchanged";
    }
    const changes = trustChanges(this.#summary, summary);
    this.#trust = trust;
    this.#summary = summary;
    this.counters.changes += 1;
    this.#log.info({ cause, was, digest, changes }, CHANGED);
    return "changed";
  }
}

const CHANGED = "trust was read again and has changed; what had been proven is forgotten";
const UNCHANGED = "trust was read again; nothing has changed";
const REFUSED = "trust could not be read again; the old one stays";

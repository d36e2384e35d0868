import { answerGreeting } from "./connect-authentication.ts";
import type { ConnectionSecrets, ConnectionSettings } from "./spec.ts";

/**
 * What a connection proves itself with: as its files held it when they were last read and were of use. A file that is half
 * written or gone for a moment must not end a connection that could come back with what it had.
 */
export class CurrentSecrets {
  readonly #reread: (() => ConnectionSecrets) | undefined;
  readonly #onStale: (problem: string) => void;
  #current: ConnectionSecrets;
  #problem: string | null = null;

  /** `onStale` is told once of each reason to go on with the old ones. Throws when those at hand are damaged. */
  constructor(settings: ConnectionSettings, onStale: (problem: string) => void) {
    answerGreeting(settings.credentials, "");
    this.#current = { tls: settings.tls, credentials: settings.credentials };
    this.#reread = settings.reread;
    this.#onStale = onStale;
  }

  get tls(): ConnectionSecrets["tls"] {
    return this.#current.tls;
  }

  get credentials(): ConnectionSecrets["credentials"] {
    return this.#current.credentials;
  }

  /** Never throws. */
  refresh(): void {
    if (this.#reread === undefined) return;
    try {
      const secrets = this.#reread();
      answerGreeting(secrets.credentials, "");
      const problem = inboxProblem(this.#current, secrets);
      if (problem === null) this.#current = secrets;
      this.#tell(problem);
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
    }
  }

  #tell(problem: string | null): void {
    if (problem !== null && problem !== this.#problem) this.#onStale(`${problem}; going on with what was read before`);
    this.#problem = problem;
  }
}

/** The client keeps its inboxes for as long as the connection lives, and another holder could not listen there. */
function inboxProblem({ credentials: old }: ConnectionSecrets, { credentials: now }: ConnectionSecrets): string | null {
  if (old.type !== "signedToken" || now.type !== "signedToken" || old.inboxPrefix === now.inboxPrefix) return null;
  return `the new token is for ${now.holder}, the old one for ${old.holder}: restart to change that`;
}

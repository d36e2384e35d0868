/** Who asks for places. */
export interface Entrant {
  /** How many places it has. */
  readonly inFlight: number;
  /** A place is free. */
  admit(): void;
}

/** Bounds what all jobs have in flight. A place that becomes free is offered to whoever waits and has the fewest. */
export class Gate {
  readonly #places: number;
  #taken = 0;
  readonly #waiting = new Set<Entrant>();

  constructor(places: number) {
    this.#places = places;
  }

  /** Takes a place. False when there is none: `admit` is called once there may be. */
  enter(entrant: Entrant): boolean {
    if (this.#taken >= this.#places) {
      this.#waiting.add(entrant);
      return false;
    }
    this.#taken += 1;
    return true;
  }

  /** Gives a place back. */
  leave(): void {
    this.#taken -= 1;
    // Whoever is asked may not want it any more, and then it is another's.
    while (this.#taken < this.#places && this.#waiting.size > 0) {
      const next = [...this.#waiting].reduce((least, each) => (each.inFlight < least.inFlight ? each : least));
      this.#waiting.delete(next);
      next.admit();
    }
  }
}

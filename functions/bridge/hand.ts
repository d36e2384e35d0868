/**
 * What all ingests of a bridge hold together; the reader sheds beyond it instead of falling behind. Half of it is
 * guaranteed, to each ingest an equal part, and the other half is whose comes first: a burst of registrations can
 * fill what is shared, but takes no room from the ingest of lifecycle events.
 */
export class Hand {
  readonly #messages: Room;
  readonly #bytes: Room;

  /** `ingests`: how many there are, at least one. */
  constructor(maxMessages: number, maxBytes: number, ingests: number) {
    this.#messages = new Room(maxMessages, ingests);
    this.#bytes = new Room(maxBytes, ingests);
  }

  get messages(): number {
    return this.#messages.held;
  }

  /** An ingest's part of the hand; to be asked for once for each of them. */
  share(): HandShare {
    return new HandShare(this.#messages.share(), this.#bytes.share());
  }
}

/** What one ingest may have in hand. */
export class HandShare {
  readonly #messages: RoomShare;
  readonly #bytes: RoomShare;

  constructor(messages: RoomShare, bytes: RoomShare) {
    this.#messages = messages;
    this.#bytes = bytes;
  }

  /** An ingest with nothing in hand may take a message of any size: one larger than its room would wait for ever. */
  hasRoom(bytes: number): boolean {
    return this.#messages.has(1) && (this.#bytes.isFree || this.#bytes.has(bytes));
  }

  /** False when there is no room for it. */
  take(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.#messages.change(1);
    this.#bytes.change(bytes);
    return true;
  }

  put(bytes: number): void {
    this.#messages.change(-1);
    this.#bytes.change(-bytes);
  }
}

/** So many messages, or so many bytes. */
class Room {
  readonly guaranteed: number;
  /** What is nobody's by right. */
  readonly common: number;
  held = 0;
  heldOfCommon = 0;

  constructor(most: number, shares: number) {
    this.guaranteed = Math.floor(most / (2 * shares));
    this.common = most - shares * this.guaranteed;
  }

  share(): RoomShare {
    return new RoomShare(this);
  }
}

class RoomShare {
  readonly #room: Room;
  #held = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  get isFree(): boolean {
    return this.#held === 0;
  }

  has(more: number): boolean {
    const ofCommon = this.#ofCommon(more);
    return ofCommon === 0 || this.#room.heldOfCommon + ofCommon <= this.#room.common;
  }

  change(by: number): void {
    this.#room.heldOfCommon += this.#ofCommon(by);
    this.#room.held += by;
    this.#held += by;
  }

  /** How much of such a change is beyond what is guaranteed. */
  #ofCommon(by: number): number {
    const { guaranteed } = this.#room;
    return Math.max(0, this.#held + by - guaranteed) - Math.max(0, this.#held - guaranteed);
  }
}

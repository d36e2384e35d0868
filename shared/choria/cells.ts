const LINK_BYTES = 4;
const LENGTH_BYTES = 2;
export const MOST_RECORD_BYTES = 65_535;
/** Of record bytes in a cell: a digest fits into the first one behind the record's length. */
const CONTENT_BYTES = 36;
const CELL_BYTES = CONTENT_BYTES + LINK_BYTES;
const CHUNK_CELLS = 32_768;
/** Cells are counted from 1. */
const NONE = 0;

/**
 * Records of up to `MOST_RECORD_BYTES` in chains of equal cells, outside the garbage collector's heap: on it, 300,000 records would
 * cost as much again as they hold, for V8 lets its heap grow in proportion to what lives there. A record's place is its first
 * cell. Cells that are given back are used again; chunks are kept.
 */
export class Cells {
  readonly #chunks: Buffer[] = [];
  #used = 0;
  #free = NONE;

  put(record: Buffer): number {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16LE(record.length);
    const bytes = Buffer.concat([length, record]);
    let next = NONE;
    // From the end, so that each cell knows the one after it.
    for (let at = lastCellStart(bytes.length); at >= 0; at -= CONTENT_BYTES) {
      const cell = this.#take();
      const [chunk, start] = [this.#chunk(cell), startOf(cell)];
      bytes.copy(chunk, start, at, at + CONTENT_BYTES);
      chunk.writeInt32LE(next, start + CONTENT_BYTES);
      next = cell;
    }
    return next;
  }

  /** The record's first bytes, a character each: at most 34 of them. */
  beginning(place: number, bytes: number): string {
    const start = startOf(place) + LENGTH_BYTES;
    return this.#chunk(place).toString("latin1", start, start + bytes);
  }

  /** A copy. */
  read(place: number): Buffer {
    const length = LENGTH_BYTES + this.#chunk(place).readUInt16LE(startOf(place));
    const bytes = Buffer.allocUnsafe(length);
    let cell = place;
    for (let at = 0; at < length; at += CONTENT_BYTES) {
      const [chunk, start] = [this.#chunk(cell), startOf(cell)];
      chunk.copy(bytes, at, start, start + Math.min(CONTENT_BYTES, length - at));
      cell = chunk.readInt32LE(start + CONTENT_BYTES);
    }
    return bytes.subarray(LENGTH_BYTES);
  }

  remove(place: number): void {
    let last = place;
    for (let next = this.#next(last); next !== NONE; next = this.#next(last)) last = next;
    this.#chunk(last).writeInt32LE(this.#free, startOf(last) + CONTENT_BYTES);
    this.#free = place;
  }

  #take(): number {
    if (this.#free !== NONE) {
      const cell = this.#free;
      this.#free = this.#next(cell);
      return cell;
    }
    if (this.#used % CHUNK_CELLS === 0) this.#chunks.push(Buffer.alloc(CHUNK_CELLS * CELL_BYTES));
    this.#used += 1;
    return this.#used;
  }

  #next(cell: number): number {
    return this.#chunk(cell).readInt32LE(startOf(cell) + CONTENT_BYTES);
  }

  #chunk(cell: number): Buffer {
    const chunk = this.#chunks[Math.floor((cell - 1) / CHUNK_CELLS)];
    if (chunk === undefined) throw new RangeError(`there is no cell ${cell}`);
    return chunk;
  }
}

const startOf = (cell: number): number => ((cell - 1) % CHUNK_CELLS) * CELL_BYTES;
const lastCellStart = (length: number): number => Math.floor((length - 1) / CONTENT_BYTES) * CONTENT_BYTES;

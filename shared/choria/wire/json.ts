import { isDeeper } from "./depth.ts";

/**
 * JSON documents read so that Go's decoder and ours cannot see different messages. `JSON.parse` decides what is JSON; a
 * scan of the same text adds what it cannot say: repeated keys, keys that Go would match by case folding, nesting, and
 * the digits of numbers (nanoseconds do not fit a double; `60.0` and `6e1` are no integers to Go).
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of a protocol object: lower case on the wire, at most 31. */
export type Shape = ReadonlyMap<string, Field>;

interface Field {
  /** Marks the field as seen, in a number. */
  readonly bit: number;
  /** Of the object, or the objects in the list, that the field holds. */
  readonly nested: Shape | null;
}

export interface JsonDocument {
  readonly root: JsonObject;
  /** A key that is repeated, or that is a known field in other letters; null when there is none. */
  readonly ambiguousKey: string | null;
  /** The text of each number in a known field, by field name. */
  readonly digits: ReadonlyMap<string, string>;
}

export type JsonFault = "syntax" | "depth" | "not an object";

/** A shape from field names; fields with a shape of their own are given as pairs. */
export function shape(...fields: readonly (string | readonly [string, Shape])[]): Shape {
  return new Map(
    fields.map((field, index): [string, Field] => {
      const [name, nested] = typeof field === "string" ? [field, null] : field;
      return [name, { bit: 1 << index, nested }];
    }),
  );
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * `JSON.parse` takes a fifth of a second for a megabyte of brackets. Long texts are measured first; for short ones that
 * would cost more than it saves, the scan after parsing notices too.
 */
const MEASURED_FIRST_CHARACTERS = 16_384;

/** `fields` may depend on what the document says of itself. */
export function readJson(
  text: string,
  fields: Shape | ((root: unknown) => Shape),
  maxDepth: number,
): JsonDocument | JsonFault {
  if (text.length > MEASURED_FIRST_CHARACTERS && isDeeper(text, maxDepth)) return "depth";
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return "syntax";
  }
  const scan = new Scan(text, maxDepth);
  scan.value(typeof fields === "function" ? fields(root) : fields, 0);
  if (scan.tooDeep) return "depth";
  if (!isJsonObject(root)) return "not an object";
  return { root, ambiguousKey: scan.ambiguousKey, digits: scan.digits };
}

/** Keys as nearly all are, on which folding changes nothing. */
const FOLDED = /^[a-z0-9_.:-]*$/;

/** As Go's encoding/json matches keys to fields: the Kelvin sign folds to k (toLowerCase does it), the long s to s. */
function fold(key: string): string {
  return FOLDED.test(key) ? key : key.toLowerCase().replaceAll("\u017f", "s");
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MINUS = 0x2d;
const NINE = 0x39;

/** One pass over text that is known to be JSON; so it never looks for syntax errors. */
class Scan {
  ambiguousKey: string | null = null;
  tooDeep = false;
  readonly digits = new Map<string, string>();

  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  value(fields: Shape | null, depth: number): void {
    switch (this.#next()) {
      case OPEN_OBJECT:
        this.#object(fields, depth + 1);
        return;
      case OPEN_ARRAY:
        this.#array(fields, depth + 1);
        return;
      case QUOTE:
        this.#skipString();
        return;
      default:
        this.#skipScalar();
    }
  }

  #object(fields: Shape | null, depth: number): void {
    if (this.#enter(depth)) return;
    let others: Set<string> | null = null;
    let seen = 0;
    while (this.#next() !== CLOSE_OBJECT) {
      const key = this.#key();
      const field = fields?.get(key);
      this.#skipPast(COLON);
      if (field === undefined) {
        others ??= new Set();
        this.#noteOther(key, fields, others);
        this.value(null, depth);
      } else {
        if ((seen & field.bit) !== 0) this.ambiguousKey ??= key;
        seen |= field.bit;
        this.#fieldValue(key, field.nested, depth);
      }
      if (this.tooDeep) return;
      if (this.#next() === COMMA) this.#at++;
    }
    this.#at++;
  }

  #fieldValue(key: string, nested: Shape | null, depth: number): void {
    const first = this.#next();
    const start = this.#at;
    this.value(nested, depth);
    if (first <= NINE && first >= MINUS) this.digits.set(key, this.#text.slice(start, this.#at));
  }

  /** Objects Go decodes into maps (no shape) tell keys apart by their exact text, structs by the folded one. */
  #noteOther(key: string, fields: Shape | null, others: Set<string>): void {
    const name = fields === null ? key : fold(key);
    if (others.has(name) || fields?.has(name)) this.ambiguousKey ??= key;
    others.add(name);
  }

  #array(fields: Shape | null, depth: number): void {
    if (this.#enter(depth)) return;
    while (this.#next() !== CLOSE_ARRAY) {
      this.value(fields, depth);
      if (this.tooDeep) return;
      if (this.#next() === COMMA) this.#at++;
    }
    this.#at++;
  }

  #enter(depth: number): boolean {
    this.tooDeep = depth > this.#maxDepth;
    this.#at++;
    return this.tooDeep;
  }

  #key(): string {
    const start = this.#at;
    this.#skipString();
    const raw = this.#text.slice(start + 1, this.#at - 1);
    return raw.includes("\\") ? String(JSON.parse(`"${raw}"`)) : raw;
  }

  /** To the first quote that is not escaped: after no backslash, or an even number of them. Searching beats stepping tenfold. */
  #skipString(): void {
    const text = this.#text;
    let quote = this.#at;
    let last = quote;
    do {
      quote = text.indexOf('"', quote + 1);
      last = quote - 1;
      while (text.charCodeAt(last) === BACKSLASH) last--;
    } while ((quote - last) % 2 === 0);
    this.#at = quote + 1;
  }

  #skipScalar(): void {
    for (let code = this.#code(); code > 0x20 && code !== COMMA && code !== CLOSE_ARRAY && code !== CLOSE_OBJECT; ) {
      this.#at++;
      code = this.#code();
    }
  }

  #skipPast(code: number): void {
    while (this.#code() !== code) this.#at++;
    this.#at++;
  }

  /** The next character that is no white space; NaN at the end. */
  #next(): number {
    let code = this.#code();
    while (code <= 0x20) {
      this.#at++;
      code = this.#code();
    }
    return code;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

/**
 * JSON documents read so that Go's decoder and ours cannot see different messages. `JSON.parse` decides what is JSON; a
 * scan of the same text adds what it cannot say: repeated keys, keys that Go would match by case folding, nesting, and
 * the digits of numbers (nanoseconds do not fit a double; `60.0` and `6e1` are no integers to Go).
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of a protocol object, lower case on the wire, and the shape of those that hold objects. */
export type Shape = ReadonlyMap<string, Shape | null>;

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
    fields.map((field): [string, Shape | null] => (typeof field === "string" ? [field, null] : [...field])),
  );
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function readJson(text: string, fields: Shape, maxDepth: number): JsonDocument | JsonFault {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return "syntax";
  }
  const scan = new Scan(text, maxDepth);
  scan.value(fields, 0);
  if (scan.tooDeep) return "depth";
  if (!isJsonObject(root)) return "not an object";
  return { root, ambiguousKey: scan.ambiguousKey, digits: scan.digits };
}

/** As Go's encoding/json matches keys to fields: the Kelvin sign folds to k (toLowerCase does it), the long s to s. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll("\u017f", "s");
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
    const seen = new Set<string>();
    while (this.#next() !== CLOSE_OBJECT) {
      const key = this.#key();
      this.#noteKey(key, fields, seen);
      this.#skipPast(COLON);
      this.#field(key, fields, depth);
      if (this.tooDeep) return;
      if (this.#next() === COMMA) this.#at++;
    }
    this.#at++;
  }

  #field(key: string, fields: Shape | null, depth: number): void {
    const first = this.#next();
    const start = this.#at;
    this.value(fields?.get(key) ?? null, depth);
    const isNumber = first <= NINE && first >= MINUS;
    if (isNumber && fields?.has(key)) this.digits.set(key, this.#text.slice(start, this.#at));
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

  /** Objects Go decodes into maps (no shape) tell keys apart by their exact text, structs by the folded one. */
  #noteKey(key: string, fields: Shape | null, seen: Set<string>): void {
    const name = fields === null || fields.has(key) ? key : fold(key);
    const isRespelled = fields !== null && name !== key && fields.has(name);
    if (isRespelled || seen.has(name)) this.ambiguousKey ??= key;
    seen.add(name);
  }

  #key(): string {
    const start = this.#at;
    this.#skipString();
    const raw = this.#text.slice(start + 1, this.#at - 1);
    return raw.includes("\\") ? String(JSON.parse(`"${raw}"`)) : raw;
  }

  #skipString(): void {
    const end = this.#text.indexOf('"', this.#at + 1);
    if (this.#text.charCodeAt(end - 1) !== BACKSLASH) {
      this.#at = end + 1;
      return;
    }
    this.#skipEscapedString();
  }

  // A document inside a string has an escaped quote every few characters: there one step at a time beats searching.
  #skipEscapedString(): void {
    let at = this.#at + 1;
    for (let code = this.#text.charCodeAt(at); code !== QUOTE; code = this.#text.charCodeAt(at)) {
      at += code === BACKSLASH ? 2 : 1;
    }
    this.#at = at + 1;
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

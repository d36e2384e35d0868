export type Fact = string | number | boolean | readonly string[];

/** What one layer of a message says, for people. Nothing in it is proven; tokens, signatures and keys are left out. */
export interface Layer {
  readonly name: "transport" | "secure" | "message" | "certificate" | "token" | "delegator";
  readonly facts: Readonly<Record<string, Fact>>;
}

const MAX_FACT_CHARACTERS = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a sender wrote must not drive a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Keeps what is there, bounded and safe to print; objects where a text belongs are named as such. */
export function presentable(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, Fact>> {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([name, value]): [string, Fact] => [name, presentableFact(value)]));
}

function presentableFact(value: unknown): Fact {
  if (Array.isArray(value)) return value.map((entry) => printable(String(entry)));
  if (typeof value === "number" || typeof value === "boolean") return value;
  return typeof value === "string" ? printable(value) : "(not a text)";
}

function printable(text: string): string {
  const short = text.length > MAX_FACT_CHARACTERS ? `${text.slice(0, MAX_FACT_CHARACTERS)}…` : text;
  return short.toWellFormed().replace(UNPRINTABLE, "?");
}

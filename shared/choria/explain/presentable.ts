import { printable } from "../refusal.ts";

export type Fact = string | number | boolean | readonly string[];

/** What one layer of a message says, for people. Nothing in it is proven; tokens, signatures and keys are left out. */
export interface Layer {
  readonly name: "transport" | "secure" | "message" | "certificate" | "token" | "delegator";
  readonly facts: Readonly<Record<string, Fact>>;
}

const MAX_FACT_CHARACTERS = 200;
const MAX_LISTED = 20;

/** Keeps what is there, bounded and safe to print; objects where a text belongs are named as such. */
export function presentable(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, Fact>> {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([name, value]): [string, Fact] => [name, presentableFact(value)]));
}

function presentableFact(value: unknown): Fact {
  if (Array.isArray(value)) return presentableList(value);
  return typeof value === "number" || typeof value === "boolean" ? value : presentableText(value);
}

function presentableList(entries: readonly unknown[]): readonly string[] {
  const listed = entries.slice(0, MAX_LISTED).map(presentableText);
  return entries.length <= MAX_LISTED ? listed : [...listed, `and ${entries.length - MAX_LISTED} more`];
}

/** Nothing else is turned into text: objects bring a `toString` of their own, lists any depth. */
function presentableText(value: unknown): string {
  return typeof value === "string" ? printable(value, MAX_FACT_CHARACTERS) : "(not a text)";
}

import { isJsonObject, shape } from "./json.ts";

/** Discovery filters of requests; the payload's receiver applies them, validation only holds them to go-choria's schema. */
export const FILTER = shape(["fact", shape("fact", "operator", "value")], "cf_class", "agent", "identity", "compound");

const OPERATORS: ReadonlySet<unknown> = new Set([">=", "<=", "<", ">", "!=", "==", "=~"]);

/** What is wrong with a filter; null when nothing is. */
export function filterFault(filter: unknown): string | null {
  if (!isJsonObject(filter)) return "filter is not an object";
  const { fact, compound, agent = [] } = filter;
  if (!Array.isArray(fact) || !fact.every(isFact)) return "filter.fact is not a list of fact matches";
  if (!Array.isArray(compound) || !compound.every(isCompound)) return "filter.compound is not a list of statements";
  if (!isStringList(filter["cf_class"])) return "filter.cf_class is not a list of strings";
  if (!isStringList(filter["identity"])) return "filter.identity is not a list of strings";
  return isStringList(agent) ? null : "filter.agent is not a list of strings";
}

function isStringList(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function isFact(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  return typeof value["fact"] === "string" && typeof value["value"] === "string" && OPERATORS.has(value["operator"]);
}

function isCompound(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => isJsonObject(entry) && isStringList(Object.values(entry)));
}

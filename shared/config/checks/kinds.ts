import type { SubjectFact } from "../../subjects/template.ts";
import type { IngestConfig } from "../schema.ts";

type Kind = IngestConfig["kind"];

/** The kinds outside Choria's protocol, which are given the time of their arrival. */
export const FOREIGN: ReadonlySet<Kind> = new Set<Kind>(["event", "submission", "raw"]);

const NONE: ReadonlySet<SubjectFact> = new Set();
const NO_CALLER: ReadonlySet<SubjectFact> = new Set<SubjectFact>(["caller", "collective"]);
const NO_AGENT: ReadonlySet<SubjectFact> = new Set<SubjectFact>(["caller", "collective", "agent"]);

/** The facts that no message of the kind has. `auto` may carry any: what a reply lacks stands as `%` in its subject. */
export function absentFacts(kind: Kind): ReadonlySet<SubjectFact> {
  if (kind === "raw") return NO_AGENT;
  return kind === "reply" || kind === "event" || kind === "submission" ? NO_CALLER : NONE;
}

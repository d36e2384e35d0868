import { subjectsOverlap } from "../../subjects/overlap.ts";
import type { Finding } from "../problem.ts";
import type { IngestConfig } from "../schema.ts";
import { absentFacts, FOREIGN } from "./kinds.ts";
import { checkProof } from "./proof.ts";
import type { Scope } from "./scope.ts";
import { checkSource } from "./source.ts";
import { storedStreams } from "./streams.ts";

export function checkIngest(scope: Scope, name: string, ingest: IngestConfig): readonly Finding[] {
  const path = ["ingest", name];
  return [
    ...checkTwice([...path, "to"], ingest.to),
    ...checkSubject(scope, path, ingest),
    ...checkSource(scope.config, path, ingest),
    ...checkProof(scope, [...path, "proof"], ingest),
    ...checkAccept([...path, "accept"], ingest),
  ];
}

/** What `accept` asks of messages that never have it would refuse all of them, or none. */
function checkAccept(path: PropertyKey[], { kind, accept }: IngestConfig): Finding[] {
  const refuse = (key: keyof IngestConfig["accept"], problem: string): Finding[] =>
    accept[key] === undefined ? [] : [{ path: [...path, key], value: undefined, problem, fix: "leave it out" }];
  return [
    ...(absentFacts(kind).has("agent") ? refuse("agents", `a ${kind} message names no agent`) : []),
    ...(absentFacts(kind).has("collective") ? refuse("collectives", `no ${kind} says a collective`) : []),
    ...(FOREIGN.has(kind) ? refuse("maxAge", `the time of a ${kind} is that of its arrival: it has no age`) : []),
  ];
}

function checkTwice(path: PropertyKey[], names: readonly string[]): Finding[] {
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  return repeated.map((name) => ({ path, value: name, problem: `names "${name}" twice`, fix: "name it once" }));
}

function checkSubject(scope: Scope, path: PropertyKey[], ingest: IngestConfig): Finding[] {
  const at = [...path, "subject"];
  const { subject } = ingest;
  return storedStreams(scope.config).flatMap(({ connection, name, filter }) => {
    if (connection !== ingest.connection || !subjectsOverlap(filter, subject)) return [];
    const problem = `overlaps the subjects of stream "${name}" (${filter}): what nodes send there would be stored unproven`;
    return [{ path: at, value: subject, problem, fix: "give the stream subjects that no node may publish to" }];
  });
}

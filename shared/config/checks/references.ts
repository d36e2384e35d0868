import { KEPT_SECTIONS } from "../names.ts";
import { suggestName } from "../nearest.ts";
import { entriesOf, propertyOf } from "../plain.ts";
import type { Finding } from "../problem.ts";

interface Reference {
  readonly section: string;
  readonly key: string;
  readonly target: "connections" | "streams" | "sinks" | "jobs";
}

/** Keys of named entries whose value is the name of another entry. */
const REFERENCES: readonly Reference[] = [
  { section: "ingest", key: "connection", target: "connections" },
  { section: "ingest", key: "to", target: "streams" },
  { section: "streams", key: "connection", target: "connections" },
  { section: "jobs", key: "stream", target: "streams" },
  { section: "jobs", key: "sink", target: "sinks" },
  { section: "sinks", key: "to", target: "streams" },
];

/**
 * Names that lead nowhere. Looks at what was written rather than at the parsed configuration, so that a mistake elsewhere in
 * an entry hides no wrong name.
 */
export function checkReferences(value: unknown): readonly Finding[] {
  const named = REFERENCES.flatMap((reference) =>
    entriesOf(propertyOf(value, reference.section)).flatMap(([name, entry]) =>
      checkReference(value, reference, { path: [reference.section, name, reference.key], entry }),
    ),
  );
  const kept = KEPT_SECTIONS.flatMap((section) => {
    const reference: Reference = { section, key: "connection", target: "connections" };
    return checkReference(value, reference, { path: [section, "connection"], entry: propertyOf(value, section) });
  });
  const functions = entriesOf(propertyOf(propertyOf(value, "lambda"), "functions")).flatMap(([name, entry]) => {
    const reference: Reference = { section: "lambda", key: "jobs", target: "jobs" };
    return checkReference(value, reference, { path: ["lambda", "functions", name, "jobs"], entry });
  });
  return [...named, ...kept, ...functions];
}

interface Use {
  readonly path: readonly PropertyKey[];
  readonly entry: unknown;
}

function checkReference(value: unknown, reference: Reference, { path, entry }: Use): readonly Finding[] {
  const used = propertyOf(entry, reference.key);
  if (Array.isArray(used)) {
    return used.flatMap((name, index) => unknownName(value, reference, { path: [...path, index], name }));
  }
  return unknownName(value, reference, { path, name: used });
}

function unknownName(
  value: unknown,
  { target }: Reference,
  { path, name }: { path: readonly PropertyKey[]; name: unknown },
): readonly Finding[] {
  const known = entriesOf(propertyOf(value, target)).map(([key]) => key);
  if (typeof name !== "string" || known.includes(name)) return [];
  return [{ path, value: name, problem: `names no entry of "${target}"`, fix: suggestName(name, known) }];
}

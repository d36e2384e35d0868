const PARTITION = /^\{partition:(\d+)\}$/;

/**
 * One filter per partition of a template with `{partition:N}`: the messages of partition 3 of `choria.{partition:8}.{sender}`
 * are those of `choria.3.>`. `filter` is the template's own (`SubjectTemplate`). Null when the template has none, or none
 * that a filter could pick: it has to be a whole token, and the only one.
 */
export function partitionFilters({
  text,
  filter,
}: {
  readonly text: string;
  readonly filter: string;
}): readonly string[] | null {
  const tokens = text.split(".");
  if (tokens.filter((token) => token.includes("{partition:")).length !== 1) return null;
  const at = tokens.findIndex((token) => PARTITION.test(token));
  const partitions = Number(PARTITION.exec(tokens[at] ?? "")?.[1] ?? 0);
  if (partitions === 0) return null;
  const filters = filter.split("."); // token for token those of the template
  return Array.from({ length: partitions }, (_, partition) => filters.with(at, String(partition)).join("."));
}

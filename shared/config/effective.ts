import { maskSecrets } from "./mask.ts";
import { type Config, configSchema } from "./schema.ts";
import { type SchemaNode, schemaNode } from "./schema-node.ts";
import { durationText, sizeText } from "./units.ts";

/** The configuration as it could have been written: defaults filled in, spans and sizes with units, secrets masked. */
export function effectiveConfig(config: Config): unknown {
  return maskSecrets(withUnits(config, schemaNode(configSchema)));
}

function withUnits(value: unknown, schema: SchemaNode): unknown {
  if (typeof value === "number" && schema.unit === "duration") return durationText(value);
  if (typeof value === "number" && schema.unit === "size") return sizeText(value);
  if (Array.isArray(value)) return value.map((inner) => withUnits(inner, schema.items ?? {}));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withUnits(inner, child(schema, key))]));
}

function child(schema: SchemaNode, key: string): SchemaNode {
  const named = schema.properties?.[key];
  if (named !== undefined) return named;
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
}

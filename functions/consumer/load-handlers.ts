import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyHandler } from "./job.ts";

/** Finds the handler of a reference such as `handlers/inventory.js#inventory`; rejects with a reason for people. */
export type LoadHandler = (reference: string) => Promise<AnyHandler>;

/** Splits `path/to/module.js#export`. */
function splitReference(reference: string): { readonly path: string; readonly exported: string } {
  const at = reference.lastIndexOf("#");
  return { path: reference.slice(0, at), exported: reference.slice(at + 1) };
}

/** Imports handler modules relative to `folder`, that of the configuration file. */
export function importHandlers(folder: string): LoadHandler {
  return async (reference) => {
    const { path, exported } = splitReference(reference);
    const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(resolve(folder, path)).href);
    return handlerOf(module[exported], reference);
  };
}

/** Handlers that were bundled with the function, by reference. */
export function bundledHandlers(handlers: Readonly<Record<string, unknown>>): LoadHandler {
  return async (reference) =>
    handlerOf(Object.hasOwn(handlers, reference) ? handlers[reference] : undefined, reference);
}

/** Judges by shape: a handler from a bundle may be made by another copy of `defineHandler`. */
function handlerOf(value: unknown, reference: string): AnyHandler {
  if (isHandler(value)) return value;
  const { exported } = splitReference(reference);
  throw new TypeError(
    `its export "${exported}" ${value === undefined ? "does not exist" : "was not made by defineHandler or defineBatchHandler"}`,
  );
}

function isHandler(value: unknown): value is AnyHandler {
  if (typeof value !== "object" || value === null) return false;
  if (!("kind" in value && (value.kind === "single" || value.kind === "batch"))) return false;
  return "read" in value && typeof value.read === "function" && "run" in value && typeof value.run === "function";
}

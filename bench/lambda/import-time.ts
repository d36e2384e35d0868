import { pathToFileURL } from "node:url";

/**
 * The process in which an import is measured: `node import-time.js MODULE` prints how many milliseconds it took to load and
 * evaluate a module that ends by setting `importedAt`. What its code began (a connection) is cut off, and has had no turn.
 */
const module = pathToFileURL(process.argv[2] ?? "").href;
const startedAt = performance.now();
await import(module);
const importedAt: unknown = Reflect.get(globalThis, "importedAt");
if (typeof importedAt !== "number") throw new TypeError(`${module} did not say when it was evaluated`);
process.stdout.write(String(importedAt - startedAt), () => process.exit(0));

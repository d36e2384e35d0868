#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/functions/cli/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("choria-bridge: this checkout has not been built: run `npm ci` first");
  process.exit(1);
}
await import(main.href);

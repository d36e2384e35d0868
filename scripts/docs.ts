// Writes docs/configuration.md from the schemas; with --check says whether it is up to date instead (exit code 1).
import { readFileSync, writeFileSync } from "node:fs";
import { configurationReference } from "../shared/config/reference.ts";

const example = readFileSync(new URL("../docs/example.yaml", import.meta.url), "utf8");
const target = new URL("../docs/configuration.md", import.meta.url);
const text = configurationReference(example);

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (readFileSync(target, "utf8") !== text) {
  console.error("docs/configuration.md is not what the schemas say: run `npm run docs`");
  process.exitCode = 1;
}

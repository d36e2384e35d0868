// Bundles the consumer function into .build/lambda: consumer.mjs with the handlers its configuration names, and the
// configuration as JSON beside it. `serverless package` runs it (scripts/serverless-build.cjs).
//
//   node scripts/build-lambda.mjs [CONFIG]        default: CHORIA_BRIDGE_CONFIG, or docs/lambda/consumer.yaml
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { tsImport } from "tsx/esm/api";
import { parse } from "yaml";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = join(root, ".build", "lambda");
const configFile = resolve(
  process.argv[2] ?? process.env.CHORIA_BRIDGE_CONFIG ?? join(root, "docs/lambda/consumer.yaml"),
);

const text = readFileSync(configFile, "utf8");
try {
  // A mistake must fail the build, not the first invocation. Variables are replaced in the function: the file is
  // packaged as it was written.
  const { parseConfig } = await tsImport("../shared/config/load.ts", import.meta.url);
  parseConfig(text, relative(process.cwd(), configFile), process.env);
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
const config = parse(text);
const handlers = [...new Set(Object.values(config.jobs ?? {}).flatMap(({ handler }) => handler ?? []))];

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
writeFileSync(join(outdir, "config.json"), JSON.stringify(config));
const { metafile } = await build({
  stdin: { contents: entry(handlers), resolveDir: root, sourcefile: "lambda-entry.ts", loader: "ts" },
  outfile: join(outdir, "consumer.mjs"),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  minify: true,
  keepNames: true, // error names and stack traces stay readable
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
  // Packages written for CommonJS call require() for Node's own modules, which an ES module does not have.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
const bytes = metafile.outputs[relative(process.cwd(), join(outdir, "consumer.mjs"))]?.bytes ?? 0;
console.log(`.build/lambda/consumer.mjs: ${Math.round(bytes / 1024)} kB, handlers: ${handlers.join(", ") || "none"}`);

function entry(references) {
  const folder = dirname(configFile);
  const imports = references.map((reference, index) => {
    const at = reference.lastIndexOf("#");
    const path = JSON.stringify(resolve(folder, reference.slice(0, at)));
    return `import { ${reference.slice(at + 1)} as handler${index} } from ${path};`;
  });
  const table = references.map((reference, index) => `${JSON.stringify(reference)}: handler${index}`);
  return `${imports.join("\n")}
import { makeLambda } from "./functions/consumer/handler.ts";
export const handler = makeLambda({ configUrl: new URL("config.json", import.meta.url), handlers: { ${table.join(", ")} } });
`;
}

// Bundles the command and the package's entries into dist/, where what several of them need is a file of its own, so that
// a command opens twenty files at its start and not six hundred (docs/decisions/0006-bundle-what-is-many-files.md).
// Types are checked by `npm run types`, not here: a build must be fast enough to precede `npm start`.
// Named folders, which are the benchmarks and what they measure, are transpiled file for file (`npm run bench`).
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

// npm runs `prepare` where development dependencies are left out too (--omit=dev, or npx before `npm ci`): a failure
// there would break the installation, and npx's own cache of it for good.
const { build } = await import("esbuild").catch((error) => {
  if (process.env.npm_lifecycle_event !== "prepare") throw error;
  console.error("nothing is built: esbuild is not installed (npm ci installs it)");
  process.exit(0);
});

const root = fileURLToPath(new URL("..", import.meta.url));
const [target = "dist", ...named] = process.argv.slice(2);
const folders = named.length === 0 ? ["functions", "shared"] : named;
const bundles = named.length === 0;
const { dependencies, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// Packages of dozens or hundreds of small files, which nobody shares objects with us by their classes.
const BUNDLED = ["@peculiar/x509", "commander", "jose", "nats", "reflect-metadata", "yaml", "zod"];
const dist = join(root, target);
// Beside its target, then moved in its place: whoever runs from dist/ at this moment never finds it half written.
const outdir = mkdtempSync(join(root, ".dist-"));
chmodSync(outdir, 0o755);
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((file) => join(root, folder, String(file))),
);
const sources = files.filter((file) => file.endsWith(".ts"));

const bundling = {
  entryPoints: ["functions/cli/main.ts", ...entrySources()].map((file) => join(root, file)),
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
  // What is CommonJS among them requires modules of Node.
  banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
};

await build({
  ...(bundles ? bundling : { entryPoints: sources }),
  outdir,
  outbase: root,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: true,
  logLevel: "warning",
});
// What is JavaScript already: the runtime that the emulator of Lambda starts.
for (const file of files.filter((path) => path.endsWith(".mjs")))
  copyFileSync(file, join(outdir, relative(root, file)));
// What is packed carries types; a checkout has its sources. Seconds that `npm start` need not wait for.
if (process.env.npm_command === "pack" || process.env.npm_command === "publish") await declareTypes();
// esbuild leaves import paths alone when it does not bundle: "./x.ts" must name the file it became.
const relativeTs = /((?:from|import)\s*\(?\s*["'])(\.{1,2}\/[^"']+)\.ts(["'])/g;
for (const file of readdirSync(outdir, { recursive: true })) {
  if (!/\.(?:js|d\.ts)$/.test(String(file))) continue;
  const path = join(outdir, String(file));
  writeFileSync(path, readFileSync(path, "utf8").replace(relativeTs, "$1$2.js$3"));
}

/** The sources of what `exports` names in dist/. */
function entrySources() {
  const built = Object.values(exports).flatMap((entry) => entry.default ?? []);
  return built.map((path) => path.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"));
}

async function declareTypes() {
  const { default: ts } = await import("typescript");
  const { options } = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), {}, ts.sys);
  const emit = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: root, outDir: outdir };
  const { emitSkipped, diagnostics } = ts.createProgram(sources, { ...options, ...emit }).emit();
  if (emitSkipped || diagnostics.length > 0)
    throw new Error(`no types: ${ts.formatDiagnostics(diagnostics, host(ts))}`);
}

function host(ts) {
  return { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => ts.sys.newLine };
}

mkdirSync(dirname(dist), { recursive: true });
const replaced = `${outdir}-replaced`;
if (existsSync(dist)) renameSync(dist, replaced);
renameSync(outdir, dist);
rmSync(replaced, { recursive: true, force: true });

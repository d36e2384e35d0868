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
const bundles = named.length === 0;
const { dependencies, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// Packages of dozens or hundreds of small files, of which nobody shares objects with us by their classes.
const BUNDLED = ["@peculiar/x509", "commander", "jose", "nats", "reflect-metadata", "yaml", "zod"];
// What is CommonJS among them requires modules of Node.
const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';
const dist = join(root, target);
// Beside its target, then moved in its place unless that holds the same: whoever runs from dist/ finds it whole.
const outdir = mkdtempSync(join(root, ".dist-"));
chmodSync(outdir, 0o755);
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
const files = named.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((file) => join(root, folder, String(file))),
);
const sources = files.filter((file) => file.endsWith(".ts"));

const entries = entrySources();
const bundling = {
  entryPoints: [join(root, "functions/cli/main.ts"), ...entries],
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
  banner: { js: REQUIRE },
  metafile: true,
};

const { metafile } = await build({
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
if (bundles) writeFileSync(join(outdir, "THIRD-PARTY-LICENSES"), licences(metafile));
nameBuilt(bundles ? /\.d\.ts$/ : /\.(?:js|d\.ts)$/);
if (!isSame(outdir, dist)) replace(outdir, dist);

/** esbuild leaves import paths alone when it does not bundle, tsc does always: "./x.ts" must name the file it became. */
function nameBuilt(names) {
  const relativeTs = /((?:from|import)\s*\(?\s*["'])(\.{1,2}\/[^"']+)\.ts(["'])/g;
  for (const file of filesIn(outdir)) {
    if (!names.test(file)) continue;
    const path = join(outdir, file);
    writeFileSync(path, readFileSync(path, "utf8").replace(relativeTs, "$1$2.js$3"));
  }
}

/** The licence of each package that is bundled, as it asks for: its terms go with every copy of it. */
function licences({ inputs }) {
  const packages = Object.keys(inputs).flatMap(
    (input) => input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [],
  );
  return [...new Set(packages)]
    .sort()
    .map(licence)
    .join(`\n${"-".repeat(80)}\n\n`);
}

function licence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const files = readdirSync(join(root, folder)).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file));
  const texts = files.map((file) => readFileSync(join(root, folder, file), "utf8").trim());
  return `${[`${name} ${version} (${license})`, ...texts].join("\n\n")}\n`;
}

function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function isSame(one, other) {
  if (!existsSync(other)) return false;
  const [names, others] = [filesIn(one), filesIn(other)];
  if (names.join("\n") !== others.join("\n")) return false;
  return names.every((name) => readFileSync(join(one, name)).equals(readFileSync(join(other, name))));
}

function replace(made, old) {
  mkdirSync(dirname(old), { recursive: true });
  const replaced = `${made}-replaced`;
  try {
    renameSync(old, replaced);
  } catch {
    rmSync(old, { recursive: true, force: true }); // there is none, or it is in a lower layer of an overlay file system
  }
  renameSync(made, old);
  rmSync(replaced, { recursive: true, force: true });
}

/** The sources of what `exports` names in dist/. */
function entrySources() {
  const built = Object.values(exports).flatMap((entry) => entry.default ?? []);
  return built.map((path) => join(root, path.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts")));
}

async function declareTypes() {
  const { default: ts } = await import("typescript");
  const { options } = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), {}, ts.sys);
  const emit = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: root, outDir: outdir };
  const { emitSkipped, diagnostics } = ts.createProgram(entries, { ...options, ...emit }).emit();
  if (emitSkipped || diagnostics.length > 0)
    throw new Error(`no types: ${ts.formatDiagnostics(diagnostics, host(ts))}`);
}

function host(ts) {
  return { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => ts.sys.newLine };
}

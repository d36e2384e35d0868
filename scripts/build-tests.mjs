// Bundles test files, each whole into one file, for one run of them: a test that is started from its sources opens and
// transforms hundreds of modules first, which costs a second of processor time for each of some two hundred files.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** Returns the files to run, made of `tests` (paths in `root`). They are gone when this process ends. */
export async function buildTests(root, tests) {
  const folder = join(root, ".build");
  mkdirSync(folder, { recursive: true });
  const outdir = mkdtempSync(join(folder, "tests-"));
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: tests,
    outdir,
    outbase: root,
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    // They look for files beside themselves, or are programs.
    external: ["@aws-sdk/*", "esbuild", "fast-check", "pino", "prom-client", "serverless*", "typescript"],
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
    plugins: [{ name: "import.meta", setup: (builder) => keepImportMeta(builder, root) }],
  });
  return tests.map((test) => join(outdir, test.replace(/\.ts$/, ".js")));
}

/** A module goes on finding the fixtures and programs that stand beside its source. */
function keepImportMeta(builder, root) {
  builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
    if (relative(root, path).startsWith("node_modules")) return null;
    const url = JSON.stringify(pathToFileURL(path).href);
    const source = readFileSync(path, "utf8");
    const contents = source
      .replaceAll("import.meta.url", url)
      .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)));
    return { contents, loader: "ts" };
  });
}

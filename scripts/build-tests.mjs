// Bundles test files for one run of them: a test that is started from its sources opens and transforms hundreds of modules
// first, which costs a second of processor time for each of some two hundred files.
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, transform } from "esbuild";

const PREFIX = "tests-";
// What is CommonJS among the packages requires modules of Node.
const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** Returns the files to run, made of `tests` (paths in `root`). They are gone when this process ends. */
export async function buildTests(root, tests) {
  const folder = join(root, ".build");
  mkdirSync(folder, { recursive: true });
  removeAbandoned(folder);
  const outdir = join(folder, `${PREFIX}${process.pid}`);
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: tests,
    outdir,
    outbase: root,
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[hash]",
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    // They look for files beside themselves, or are programs.
    external: ["@aws-sdk/*", "esbuild", "fast-check", "pino", "prom-client", "serverless*", "typescript"],
    banner: { js: REQUIRE },
    plugins: [{ name: "import.meta", setup: (builder) => keepImportMeta(builder, root) }],
  });
  return tests.map((test) => join(outdir, test.replace(/\.ts$/, ".js")));
}

/** A run that was killed left its folder behind, which is named after its process. */
function removeAbandoned(folder) {
  for (const name of readdirSync(folder)) {
    const pid = Number(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : Number.NaN);
    if (!Number.isNaN(pid) && !isRunning(pid)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** A module goes on finding the fixtures and programs that stand beside its source. */
function keepImportMeta(builder, root) {
  builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
    const source = readFileSync(path, "utf8");
    if (!source.includes("import.meta") || relative(root, path).startsWith("node_modules")) return null;
    const define = {
      "import.meta.url": JSON.stringify(pathToFileURL(path).href),
      "import.meta.dirname": JSON.stringify(dirname(path)),
    };
    const { code } = await transform(source, { loader: "ts", sourcefile: path, sourcemap: "inline", define });
    return { contents: code, loader: "js" };
  });
}

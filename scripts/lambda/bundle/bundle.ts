import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { withoutDescriptions } from "./descriptions.ts";
import { entryModule } from "./entry.ts";
import { type LambdaFunction, lambdaFunctions } from "./functions.ts";
import type { LambdaSource } from "./source.ts";

export interface Bundle extends LambdaFunction {
  readonly bytes: number;
}

/** Packages written for CommonJS call require() for Node's own modules, which an ES module does not have. */
const REQUIRE =
  'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);';
const ENTRY = "lambda-function:";

/** How every bundle is made. */
export const BUNDLING = {
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  minify: true,
  // Names of functions and classes are not kept (40 kB): errors carry theirs as text, and stack traces of source maps
  // name the place.
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  legalComments: "none",
  logLevel: "silent",
  banner: { js: REQUIRE },
} as const satisfies BuildOptions;

/**
 * Makes `outdir` anew: a folder per function with its bundle `<name>.mjs`, the source map and the configuration, and
 * `meta.json`, which says what each bundle is made of. Rejects with esbuild's `BuildFailure` when a handler is not there.
 */
export async function bundleFunctions(source: LambdaSource, root: string, outdir: string): Promise<readonly Bundle[]> {
  const functions = lambdaFunctions(source.config);
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: functions.map(({ name }) => ({ in: ENTRY + name, out: join(name, name) })),
    plugins: [entries(functions, root, source.folder), withoutDescriptions],
    absWorkingDir: root,
    outdir,
    ...BUNDLING,
  });
  for (const { name } of functions) {
    for (const [file, content] of source.files) writeFileSync(join(outdir, name, file), content);
  }
  writeFileSync(join(outdir, "meta.json"), JSON.stringify(metafile));
  return functions.map((made) => ({ ...made, bytes: bytesOf(metafile, made.name) }));
}

/** The functions' own modules, which stand in no file. */
function entries(functions: readonly LambdaFunction[], root: string, folder: string): Plugin {
  return {
    name: "lambda-functions",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${ENTRY}`) }, ({ path }) => ({
        path: path.slice(ENTRY.length),
        namespace: "lambda",
      }));
      onLoad({ filter: /./, namespace: "lambda" }, ({ path }) => {
        const made = functions.find(({ name }) => name === path);
        return made && { contents: entryModule(made, root, folder), loader: "ts", resolveDir: root };
      });
    },
  };
}

function bytesOf({ outputs }: Metafile, name: string): number {
  const found = Object.entries(outputs).find(([path]) => path.endsWith(join(name, `${name}.mjs`)));
  return found?.[1].bytes ?? 0;
}

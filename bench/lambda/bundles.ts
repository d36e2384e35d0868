import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { BUNDLING, bundleFunctions } from "../../scripts/lambda/bundle/bundle.ts";
import { readSource } from "../../scripts/lambda/bundle/source.ts";
import { script } from "../child.ts";
import { type Bench, FUNCTION_ENV } from "./deploy.ts";

export interface BundleMeasured {
  readonly name: string;
  /** Minified, without its source map. */
  readonly bytes: number;
  /** By version of Node.js, milliseconds of each process. */
  readonly importsMs: ReadonlyMap<string, readonly number[]>;
}

/** A bundle whose import is compared with the others'. */
export const FLOOR = "nats + zod";
const FLOOR_MODULE = `import { connect } from "nats";
import * as z from "zod";
export const floor = { connect, schema: z.object({ name: z.string() }) };
`;
/** Nothing listens there. What a module begins at its import must not reach anything. */
const ENV = { ...FUNCTION_ENV, NATS_URL: "nats://127.0.0.1:1" };

const run = promisify(execFile);

interface BundleFile {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
}

/** Size and cold import of the packaged functions and of the floor: each in fresh processes, in turns. */
export async function measureBundles(bench: Bench, processes: number): Promise<readonly BundleMeasured[]> {
  const { node, folder, root, say } = bench;
  const taskRoot = join(folder, "import");
  const source = readSource(join(root, "docs/lambda/consumer.yaml"), ENV);
  const functions = await bundleFunctions(source, root, taskRoot);
  const files = [
    await bundleFloor(root, taskRoot),
    ...functions.map(({ name, bytes }) => ({ name, bytes, file: join(taskRoot, name, `${name}.mjs`) })),
  ];
  const programs = [...new Set([node, process.execPath])];
  const versions = await Promise.all(programs.map(versionOf));
  const measured = files.map(({ name, bytes }) => ({
    name,
    bytes,
    importsMs: new Map<string, number[]>(versions.map((version) => [version, []])),
  }));
  for (let round = 0; round < processes; round += 1) {
    for (const [at, { file }] of files.entries()) {
      for (const [index, version] of versions.entries()) {
        measured[at]?.importsMs.get(version)?.push(await importMs(programs[index] ?? node, file));
      }
    }
  }
  say(`imports: ${processes} processes each`);
  return measured;
}

async function bundleFloor(root: string, folder: string): Promise<BundleFile> {
  const outdir = join(folder, "floor");
  await mkdir(outdir, { recursive: true });
  const stdin = { contents: FLOOR_MODULE, resolveDir: root, sourcefile: "floor.ts" };
  const { metafile } = await build({ ...BUNDLING, stdin, absWorkingDir: root, outdir });
  const bytes = Object.entries(metafile.outputs).find(([path]) => path.endsWith(".mjs"))?.[1].bytes ?? 0;
  return { name: FLOOR, bytes, file: join(outdir, "stdin.mjs") };
}

async function versionOf(program: string): Promise<string> {
  return (await run(program, ["-p", "process.version"])).stdout.trim();
}

/** Of one process. The module that is asked for imports the bundle and takes the time in the same turn. */
async function importMs(program: string, file: string): Promise<number> {
  const timed = file.replace(/\.mjs$/, ".timed.mjs");
  await writeFile(timed, `import ${JSON.stringify(file)};\nglobalThis.importedAt = performance.now();\n`);
  const { stdout } = await run(program, [script("lambda/import-time"), timed], { env: ENV });
  return Number(stdout);
}

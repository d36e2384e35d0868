import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;
const LIBRARY = "libfaketimeMT.so.1";
const CACHED = fileURLToPath(new URL(`../../../.cache/faketime/${LIBRARY}`, import.meta.url));

/** A wall clock of one process that can be stepped while it runs. */
export interface SteppableClock {
  /** For the process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What does it, for people. */
  readonly how: string;
  /** From now on the wall clock shows the true time and so much more. */
  step(seconds: number): Promise<void>;
}

/**
 * A clock that is read from `file`. Debian's libfaketime comes between the process and the system's clock, so that
 * whatever the process asks sees the step, as after a correction by NTP or a virtual machine that was moved; the monotonic
 * clock runs on, as it does then. Where that library is not to be had a preloaded module moves `Date`: all that JavaScript
 * sees of the wall clock.
 */
export async function steppableClock(file: string): Promise<SteppableClock> {
  const step = (seconds: number): Promise<void> => replace(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  await step(0);
  const library = await findLibrary();
  if (library === null) {
    const module = new URL("./clock-preload.mjs", import.meta.url).href;
    return { env: { NODE_OPTIONS: `--import ${module}`, CLOCK_FILE: file }, how: "a preloaded module", step };
  }
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1", // otherwise the file is read every ten seconds
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  return { env, how: "libfaketime", step };
}

/** Never half written for whoever reads it. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Installed, fetched before, or fetched now; null when none of it works here. */
async function findLibrary(): Promise<string | null> {
  const candidates = [...(await installed()), CACHED];
  const found = candidates.find((path) => existsSync(path)) ?? (await fetchLibrary().catch(() => null));
  return found !== null && (await works(found)) ? found : null;
}

async function installed(): Promise<readonly string[]> {
  const folders = await readdir("/usr/lib").catch(() => []);
  return folders.map((folder) => join("/usr/lib", folder, "faketime", LIBRARY));
}

/** Debian's package, unpacked without root beside the project's other downloads. */
async function fetchLibrary(): Promise<string> {
  await mkdir(dirname(CACHED), { recursive: true });
  const workshop = await mkdtemp(join(dirname(CACHED), ".unpacking-"));
  try {
    await run("apt-get", ["download", "libfaketime"], { cwd: workshop, timeout: TIMEOUT_MS });
    const archive = (await readdir(workshop)).find((name) => name.endsWith(".deb")) ?? "";
    await run("dpkg-deb", ["-x", archive, "deb"], { cwd: workshop, timeout: TIMEOUT_MS });
    const files = await readdir(workshop, { recursive: true });
    const library = files.find((name) => name.endsWith(LIBRARY));
    if (library === undefined) throw new Error(`the package holds no ${LIBRARY}`);
    await cp(join(workshop, library), `${CACHED}.new`);
    await rename(`${CACHED}.new`, CACHED);
    return CACHED;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Another C library would not load it, and say so only on standard error. */
async function works(library: string): Promise<boolean> {
  const env = { ...process.env, LD_PRELOAD: library, FAKETIME: "-10d", NODE_OPTIONS: "" };
  const { stdout } = await run(process.execPath, ["-p", "Date.now()"], { env, timeout: TIMEOUT_MS }).catch(() => ({
    stdout: "",
  }));
  return Number(stdout) > 0 && Number(stdout) < Date.now() - 5 * 86_400_000;
}

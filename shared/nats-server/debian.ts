import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIMEOUT_MS = 300_000;

/** Downloads packages of Debian (or Ubuntu) and unpacks them into `folder`/deb; no root, nothing is installed. */
export async function unpackDebian(folder: string, packages: readonly string[]): Promise<void> {
  try {
    await download(folder, [], packages);
  } catch {
    // A fresh machine or container has no package lists, and the system's own need root: keep private ones.
    const own = await privateLists(folder);
    await run("apt-get", [...own, "update"], { timeout: TIMEOUT_MS });
    await download(folder, own, packages);
  }
  const archives = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
  if (archives.length === 0) throw new Error("apt-get download left no package behind");
  for (const archive of archives) {
    await run("dpkg-deb", ["-x", join(folder, archive), join(folder, "deb")], { timeout: TIMEOUT_MS });
  }
}

async function download(folder: string, options: readonly string[], packages: readonly string[]): Promise<void> {
  await run("apt-get", [...options, "download", ...packages], { cwd: folder, timeout: TIMEOUT_MS });
}

async function privateLists(folder: string): Promise<readonly string[]> {
  const [lists, cache] = [join(folder, "lists"), join(folder, "apt-cache")];
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(cache, "archives", "partial"), { recursive: true });
  return ["-o", `Dir::State::Lists=${lists}`, "-o", `Dir::Cache=${cache}`, "-o", "APT::Sandbox::User="];
}

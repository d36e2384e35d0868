import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIMEOUT_MS = 300_000;

/** Downloads Debian's (or Ubuntu's) package and unpacks it into `folder`; no root, nothing is installed. */
export async function unpackDebian(folder: string): Promise<void> {
  try {
    await download(folder, []);
  } catch {
    // A fresh machine or container has no package lists, and the system's own need root: keep private ones.
    const own = await privateLists(folder);
    await run("apt-get", [...own, "update"], { timeout: TIMEOUT_MS });
    await download(folder, own);
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error("apt-get download left no package behind");
  await run("dpkg-deb", ["-x", join(folder, archive), join(folder, "deb")], { timeout: TIMEOUT_MS });
}

async function download(folder: string, options: readonly string[]): Promise<void> {
  await run("apt-get", [...options, "download", "nats-server"], { cwd: folder, timeout: TIMEOUT_MS });
}

async function privateLists(folder: string): Promise<readonly string[]> {
  const [lists, cache] = [join(folder, "lists"), join(folder, "apt-cache")];
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(cache, "archives", "partial"), { recursive: true });
  return ["-o", `Dir::State::Lists=${lists}`, "-o", `Dir::Cache=${cache}`, "-o", "APT::Sandbox::User="];
}

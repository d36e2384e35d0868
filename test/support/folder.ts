import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";

/** An empty folder, gone with the test. */
export async function makeFolder(t: Pick<TestContext, "after">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-test-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Writes a configuration as a user would; returns the file's path. */
export async function writeYaml(folder: string, value: object, name = "my.yaml"): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, stringify(value));
  return file;
}

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import {
  judgeVector,
  type Mismatch,
  type Profile,
  type ProfileFiles,
  profileSchema,
  type Vector,
  vectorSchema,
} from "../../shared/choria/conformance.ts";
import { TrustError } from "../../shared/choria/trust-error.ts";

/** A folder that is none of test vectors; the message names the file and what is wrong with it. */
class VectorFolderError extends Error {
  override readonly name = "VectorFolderError";
}

interface LoadedProfile {
  readonly profile: Profile;
  readonly files: ProfileFiles;
}

/** 0: every vector passed; 1: some did not; 2: the folder cannot be used. */
export type ConformanceExit = 0 | 1 | 2;

/** Runs every vector of a folder and prints each mismatch, then the totals. */
export async function runConformance(folder: string, print: (line: string) => void): Promise<ConformanceExit> {
  try {
    const profiles = await loadProfiles(folder);
    const vectors = await loadVectors(folder);
    const results = await Promise.all(vectors.map((vector) => runVector(vector, profiles)));
    return report(results, print);
  } catch (error) {
    if (!(error instanceof VectorFolderError) && !(error instanceof TrustError)) throw error;
    print(error.message);
    return 2;
  }
}

function report(results: readonly (Mismatch | null)[], print: (line: string) => void): ConformanceExit {
  const mismatches = results.filter((result) => result !== null);
  for (const { name, expected, got } of mismatches) print(`${name}: expected ${expected}, got ${got}`);
  print(`${results.length - mismatches.length} passed, ${mismatches.length} failed`);
  return mismatches.length === 0 ? 0 : 1;
}

async function runVector(vector: Vector, profiles: ReadonlyMap<string, LoadedProfile>): Promise<Mismatch | null> {
  const loaded = profiles.get(vector.profile);
  if (loaded === undefined) throw new VectorFolderError(`${vector.name}: profile "${vector.profile}" is not defined`);
  return judgeVector(vector, loaded.profile, loaded.files);
}

async function loadVectors(folder: string): Promise<readonly Vector[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  if (names.length === 0) throw new VectorFolderError(`${folder} holds no vectors (*.json)`);
  return Promise.all(names.map((name) => loadJson(path.join(folder, name), vectorSchema)));
}

async function loadProfiles(folder: string): Promise<ReadonlyMap<string, LoadedProfile>> {
  const profiles = await loadJson(path.join(folder, "meta", "profiles.json"), z.record(z.string(), profileSchema));
  const loaded = Object.entries(profiles).map(async ([name, profile]): Promise<[string, LoadedProfile]> => {
    const [caPem, crlPem] = await Promise.all([readNamed(folder, profile.ca), readNamed(folder, profile.crl)]);
    return [name, { profile, files: { caPem, crlPem } }];
  });
  return new Map(await Promise.all(loaded));
}

async function readNamed(folder: string, file: string | undefined): Promise<string> {
  return file === undefined ? "" : readText(path.join(folder, file));
}

async function loadJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(parseJson(file, await readText(file)));
  if (result.success) return result.data;
  throw new VectorFolderError(`${file}: ${z.prettifyError(result.error)}`);
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new VectorFolderError(`${file} is not JSON`, { cause: error });
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new VectorFolderError(`${file} cannot be read`, { cause: error });
  }
}

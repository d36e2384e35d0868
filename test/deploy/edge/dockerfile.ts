import { execFile } from "node:child_process";
import { cp, mkdir, stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Instruction {
  readonly keyword: string;
  /** What follows the keyword, on one line. */
  readonly text: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile; heredocs and parser directives are not understood. */
export function parseDockerfile(text: string): readonly Stage[] {
  const lines = text.replace(/^\s*#.*\n/gm, "").replace(/\\\n/g, " ");
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const line of lines.split("\n").filter((found) => found.trim() !== "")) {
    const [, keyword = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (keyword.toUpperCase() !== "FROM") stages.at(-1)?.instructions.push({ keyword, text: rest });
    else {
      const [, image = "", name = `${stages.length}`] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? [];
      stages.push({ image, name, instructions: [] });
    }
  }
  return stages;
}

/** What the last instruction of that kind says; "" when there is none. */
export function lastOf(stage: Stage, keyword: string): string {
  return stage.instructions.findLast((found) => found.keyword === keyword)?.text ?? "";
}

/** Program and arguments of an instruction in its JSON form, options before it left out. */
export function commandOf(text: string): readonly string[] {
  return JSON.parse(text.slice(text.indexOf("[")));
}

export interface CopyOf {
  /** The stage copied from; null is the build context. */
  readonly from: string | null;
  readonly sources: readonly string[];
  readonly target: string;
}

export function copiesOf(stage: Stage): readonly CopyOf[] {
  return stage.instructions.filter(({ keyword }) => keyword === "COPY").map(({ text }) => copyOf(text));
}

function copyOf(text: string): CopyOf {
  const words = text.split(/\s+/);
  const from = words.find((word) => word.startsWith("--from="))?.slice("--from=".length) ?? null;
  const paths = words.filter((word) => !word.startsWith("--"));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? "" };
}

/** Whether `.dockerignore` keeps a path out of the build context: the last pattern that says something about it wins. */
export function isIgnored(path: string, dockerignore: string): boolean {
  const patterns = dockerignore.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const decisive = patterns.findLast((pattern) => matches(path, pattern.replace(/^!/, "")));
  return decisive !== undefined && !decisive.startsWith("!");
}

/** A pattern stands for what it names and for everything below it; a star stops at slashes. */
function matches(path: string, pattern: string): boolean {
  const glob = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*");
  return new RegExp(`^${glob}(?:/|$)`).test(path);
}

export interface BuildContext {
  readonly folder: string;
  readonly dockerignore: string;
  /** What takes the place of a command that the test must not run; null runs it as it stands. */
  readonly instead: (command: string, workdir: string) => Promise<void> | null;
}

/**
 * Carries a Dockerfile's COPY and RUN lines out in `folder`, a root of its own for each stage, with this machine's Node
 * in place of the base image's. Resolves with the root of the last stage.
 */
export async function buildInFolder(stages: readonly Stage[], context: BuildContext, folder: string): Promise<string> {
  for (const stage of stages) await buildStage(stage, context, folder);
  return join(folder, stages.at(-1)?.name ?? "");
}

async function buildStage(stage: Stage, context: BuildContext, folder: string): Promise<void> {
  const root = join(folder, stage.name);
  let workdir = "/";
  for (const { keyword, text } of stage.instructions) {
    if (keyword === "WORKDIR") {
      workdir = posix.resolve(workdir, text);
      await mkdir(join(root, workdir), { recursive: true });
    } else if (keyword === "COPY") {
      await copy(copyOf(text), { context, folder, target: (path) => join(root, posix.resolve(workdir, path)) });
    } else if (keyword === "RUN") {
      await (context.instead(text, join(root, workdir)) ?? run("sh", ["-ec", text], { cwd: join(root, workdir) }));
    }
  }
}

interface CopyPlaces {
  readonly context: BuildContext;
  readonly folder: string;
  readonly target: (path: string) => string;
}

/** As Docker does it: a folder's contents go into the target, a file goes into it when it ends with a slash. */
async function copy({ from, sources, target }: CopyOf, places: CopyPlaces): Promise<void> {
  for (const source of sources) {
    const path = from === null ? join(places.context.folder, source) : join(places.folder, from, source);
    if ((await stat(path)).isDirectory()) {
      await mkdir(places.target(target), { recursive: true });
      // Not node's own cp: twenty thousand files of node_modules, one promise each.
      await run("cp", ["-R", `${path}/.`, places.target(target)]);
    } else {
      const file = target.endsWith("/") ? join(places.target(target), basename(source)) : places.target(target);
      await cp(path, file, { recursive: true });
    }
  }
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Choria's program, or one sentence that says why there is none. */
export type ChoriaProgram =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly reason: string };

/** The one that the fleet tests run, by the command that they have for it: it builds it once, which takes minutes. */
const COMMAND = ["--import", "tsx", join("test", "support", "choria", "program", "binary.ts")];

/** `root`: of the project. */
export async function choriaProgram(root: string): Promise<ChoriaProgram> {
  const child = spawn(process.execPath, COMMAND, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const [printed, complained] = [textOf(child.stdout), textOf(child.stderr)];
  child.stderr.pipe(process.stderr, { end: false });
  const [code] = await once(child, "close");
  if (code === 0) return { ok: true, path: printed().trim() };
  const reason = complained().trim().split("\n").at(-1) ?? "";
  return { ok: false, reason: reason === "" ? `its command ended with ${code}` : reason };
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  return () => text;
}

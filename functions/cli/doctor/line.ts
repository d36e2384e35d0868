/** One finding of the doctor. */
export interface Line {
  readonly level: "ok" | "warn" | "fail";
  /** As `connection main` or `job work`. */
  readonly about: string;
  readonly text: string;
  /** What to do about it; null when it is ok. */
  readonly todo: string | null;
}

export function ok(about: string, text: string): Line {
  return { level: "ok", about, text, todo: null };
}

export function warn(about: string, text: string, todo: string): Line {
  return { level: "warn", about, text, todo };
}

export function fail(about: string, text: string, todo: string): Line {
  return { level: "fail", about, text, todo };
}

/** The lines of one examination; one that breaks off is itself a finding. */
export async function examined(about: string, examine: () => Promise<readonly Line[]>): Promise<readonly Line[]> {
  try {
    return await examine();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return [fail(about, `cannot be examined: ${text}`, "mend that, or ask whether the account may do it")];
  }
}

export function linesText(lines: readonly Line[]): string {
  const counted = (level: Line["level"]): number => lines.filter((line) => line.level === level).length;
  const summary = `${counted("ok")} ok, ${counted("warn")} to look at, ${counted("fail")} failed`;
  return [...lines.map(lineText), summary].join("\n");
}

function lineText({ level, about, text, todo }: Line): string {
  const indent = " ".repeat(6);
  const first = `${level.padEnd(indent.length)}${about}: ${text.replaceAll("\n", `\n${indent}`)}`;
  return todo === null ? first : `${first}\n${indent}-> ${todo}`;
}

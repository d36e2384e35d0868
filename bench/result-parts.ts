/** The parts of bench/results.md: three that are measured, each by itself, and what was written by hand below them. */
export interface ResultParts {
  readonly main: string;
  readonly production: string;
  readonly functions: string;
  readonly history: string;
}

const PRODUCTION = "\n## The bridge in production\n";
const FUNCTIONS = "\n## Functions\n";
const HISTORY = "\n## History\n";

/** The parts that a file has; those it has not are empty, but for the history's heading. */
export function splitResults(text: string): ResultParts {
  const [measured = "", history = ""] = splitAt(text, HISTORY);
  const [before = "", functions = ""] = splitAt(measured, FUNCTIONS);
  const [main = "", production = ""] = splitAt(before, PRODUCTION);
  return { main, production, functions, history: history === "" ? HISTORY.trimStart() : history };
}

export function joinResults({ main, production, functions, history }: ResultParts): string {
  const parts = [main, production, functions, history].map((part) => part.trim()).filter((part) => part !== "");
  return `${parts.join("\n\n")}\n`;
}

/** What stands before the heading, and the rest from it on. */
function splitAt(text: string, heading: string): readonly string[] {
  const at = `\n${text}`.indexOf(heading);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at)];
}

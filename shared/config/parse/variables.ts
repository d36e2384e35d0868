export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${…}` is a literal `${…}`; `${NAME:-text}` takes the text when the variable is unset or empty, as a shell does. */
const VARIABLE = /\$(\$\{[^}]*\})|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

export type Report = (value: string, problem: string, fix: string) => void;

/** Tells `report` what could not be replaced, and leaves it as it stands. */
export function replaceVariables(text: string, env: Environment, report: Report): string {
  return text.replace(VARIABLE, (all: string, escaped?: string, name?: string, fallback?: string) => {
    if (escaped !== undefined) return escaped;
    if (name === undefined) {
      report(all, "is not a variable", "write ${NAME} or ${NAME:-default}, and $${ for a literal ${");
      return all;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
    if (value !== undefined) return value;
    report(all, `environment variable ${name} is not set`, `set it, or write \${${name}:-default}`);
    return all;
  });
}

/** What an unquoted value means once its variable is replaced. */
export function plainValue(text: string): string | number | boolean {
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text;
}

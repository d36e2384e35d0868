import type { Logger, WriteLog } from "./logger.ts";

/** Where lines go, and what time it is (milliseconds since 1970). */
export interface LogOutput {
  readonly write: (line: string) => void;
  readonly wallNow: () => number;
}

/** Least severe first. */
const SEVERITY = new Map(["trace", "debug", "info", "warn", "error", "fatal"].map((level, index) => [level, index]));

/**
 * A logger for a function: JSON lines as CloudWatch reads them (`timestamp`, `level`, `message`). It is here because pino with
 * its transports is a tenth of a function's bundle, and a line is all that a function has to write.
 */
export function createLineLogger(name: string, level: string, output: LogOutput): Logger {
  return loggerOf({ name }, severityOf(level), output);
}

function severityOf(level: string): number {
  return SEVERITY.get(level) ?? Number.POSITIVE_INFINITY; // "silent"
}

function loggerOf(common: object, least: number, output: LogOutput): Logger {
  const writer = (level: string): WriteLog => {
    if (severityOf(level) < least) return () => {};
    return (fields: object | string, text?: string) => output.write(lineOf(level, { common, fields, text }, output));
  };
  return {
    trace: writer("trace"),
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
    fatal: writer("fatal"),
    child: (fields) => loggerOf({ ...common, ...fields }, least, output),
  };
}

interface Entry {
  readonly common: object;
  readonly fields: object | string;
  readonly text: string | undefined;
}

function lineOf(level: string, { common, fields, text }: Entry, { wallNow }: LogOutput): string {
  const head = { timestamp: new Date(wallNow()).toISOString(), level: level.toUpperCase(), ...common };
  const told = typeof fields === "string" ? { message: fields } : { ...readable(fields), message: text ?? "" };
  try {
    return JSON.stringify({ ...head, ...told });
  } catch (error) {
    // A handler may log whatever it has, a circle included; the line itself must not get lost.
    return JSON.stringify({ ...head, message: text ?? "", unreadable: String(error) });
  }
}

function readable(fields: object): object {
  if (fields instanceof Error) return { err: errorOf(fields) };
  return "err" in fields && fields.err instanceof Error ? { ...fields, err: errorOf(fields.err) } : fields;
}

function errorOf(error: Error): object {
  const { name, message, stack } = error;
  return { type: name, message, ...("code" in error ? { code: error.code } : {}), stack };
}

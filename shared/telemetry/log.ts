import { type Logger, pino, stdSerializers } from "pino";

export type { Logger } from "pino";

/** JSON lines on standard error, so that standard output stays data. */
export function createLogger(name: string, level: string): Logger {
  return pino(
    { name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: stdSerializers.err } },
    pino.destination({ fd: 2, sync: true }),
  );
}

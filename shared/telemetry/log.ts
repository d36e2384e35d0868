import { pino, stdSerializers } from "pino";
import type { Logger } from "./logger.ts";

/** JSON lines on standard error, so that standard output stays data. */
export function createLogger(name: string, level: string): Logger {
  return pino(
    { name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: stdSerializers.err } },
    pino.destination({ fd: 2, sync: true }),
  );
}

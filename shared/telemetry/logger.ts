/** Writes one line: fields and a text, or a text alone. An error is given as the field `err`. */
export interface WriteLog {
  (fields: object, text?: string): void;
  (text: string): void;
}

/** What is asked of a logger; pino's have all of it. */
export interface Logger {
  readonly trace: WriteLog;
  readonly debug: WriteLog;
  readonly info: WriteLog;
  readonly warn: WriteLog;
  readonly error: WriteLog;
  readonly fatal: WriteLog;
  /** A logger whose lines all have these fields. */
  child(fields: object): Logger;
}

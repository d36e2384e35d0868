export type SecretErrorCode =
  | "SECRET_NO_ACCESS"
  | "SECRET_MISSING"
  | "SECRET_DENIED"
  | "SECRET_UNDECRYPTABLE"
  | "SECRET_UNAVAILABLE"
  | "SECRET_REFUSED"
  | "SECRET_EMPTY"
  | "SECRET_NO_KEY";

/** Why one secret has no value. */
export interface SecretFailure {
  /** As the configuration has it. */
  readonly name: string;
  readonly code: SecretErrorCode;
  /** What is wrong, and what to do about it; never a value. */
  readonly problem: string;
}

/** Secrets could not be fetched: one line that names each of them, and holds the value of none. */
export class SecretError extends Error {
  override readonly name = "SecretError";
  /** Of the first failure, when there are several. */
  readonly code: SecretErrorCode;
  /** The secrets without a value, as the configuration names them. */
  readonly secrets: readonly string[];

  constructor(code: SecretErrorCode, message: string, secrets: readonly string[] = []) {
    super(message);
    this.code = code;
    this.secrets = secrets;
  }
}

/** Failures in one error: what is wrong with several secrets alike is said once. */
export function secretError(failures: readonly [SecretFailure, ...SecretFailure[]]): SecretError {
  const problems = [...new Set(failures.map(({ problem }) => problem))];
  const lines = problems.map((problem) => {
    const names = failures.filter((failure) => failure.problem === problem).map(({ name }) => name);
    return `${names.join(", ")}: ${problem}`;
  });
  const names = failures.map(({ name }) => name);
  return new SecretError(failures[0].code, lines.join("; "), names);
}

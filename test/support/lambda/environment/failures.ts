import type { Answer } from "../invocation.ts";

/** What Lambda may answer with, and what a function may (API reference: 6 MB; the service allows 100 bytes more). */
export const LARGEST_ANSWER_BYTES = 6_291_556;

/** The function ran longer than its timeout and was killed. */
export function timedOut(requestId: string, timeoutMs: number): Answer {
  const seconds = (timeoutMs / 1_000).toFixed(2);
  const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`;
  return { outcome: "timeout", payload: JSON.stringify({ errorType: "Sandbox.Timedout", errorMessage }) };
}

/** The process ended in the middle; `how` is `exit status 1`, `signal: killed`, or null when it left with 0. */
export function exited(requestId: string, how: string | null): Answer {
  const text = how === null ? "Runtime exited without providing a reason" : `Runtime exited with error: ${how}`;
  const errorMessage = `RequestId: ${requestId} Error: ${text}`;
  return { outcome: "exit", payload: JSON.stringify({ errorType: "Runtime.ExitError", errorMessage }) };
}

export function answerTooLarge(): Answer {
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${LARGEST_ANSWER_BYTES} bytes).`;
  return { outcome: "error", payload: JSON.stringify({ errorType: "Function.ResponseSizeTooLarge", errorMessage }) };
}

const SIGNALS: Readonly<Record<string, string>> = {
  SIGKILL: "killed",
  SIGTERM: "terminated",
  SIGSEGV: "segmentation fault",
  SIGABRT: "aborted",
};

/** The words of a process's end, as `exited` takes them. */
export function exitWords(code: number | null, signal: string | null): string | null {
  if (signal !== null) return `signal: ${SIGNALS[signal] ?? signal}`;
  return code === 0 ? null : `exit status ${code}`;
}

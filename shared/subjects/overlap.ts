/**
 * NATS subjects as sets of literal subjects: `*` stands for one token, `>` for one or more at the end.
 * nats-server 2.9 only notices a filter that is a subset of another (`X.*.b` next to `X.x.>` is let in, and one message
 * then goes to both), so the question is answered here.
 */

const FORBIDDEN = /[\s\p{Cc}]/u;

/** Whether the server takes it as a subject, wildcards allowed: tokens are not empty, `>` only ends it, `*` stands alone. */
export function isValidSubject(subject: string): boolean {
  if (subject === "" || FORBIDDEN.test(subject)) return false;
  const tokens = subject.split(".");
  return tokens.every((token, index) => isValidToken(token, index === tokens.length - 1));
}

/** Whether a message can have it: a valid subject without wildcards. */
export function isPlainSubject(subject: string): boolean {
  return isValidSubject(subject) && !subject.split(".").some((token) => token === "*" || token === ">");
}

/** Whether some literal subject matches both. */
export function subjectsOverlap(a: string, b: string): boolean {
  const left = a.split(".");
  const right = b.split(".");
  for (let index = 0; ; index += 1) {
    const x = left[index];
    const y = right[index];
    if (x === undefined || y === undefined) return x === y;
    if (x === ">" || y === ">") return true;
    if (x !== y && x !== "*" && y !== "*") return false;
  }
}

/** Whether every literal subject that matches `inner` matches `outer` too. */
export function subjectCovers(outer: string, inner: string): boolean {
  const wide = outer.split(".");
  const narrow = inner.split(".");
  for (let index = 0; ; index += 1) {
    const w = wide[index];
    const n = narrow[index];
    if (w === undefined || n === undefined) return w === n;
    if (w === ">") return true;
    if (n === ">" || (w !== "*" && w !== n)) return false;
  }
}

function isValidToken(token: string, isLast: boolean): boolean {
  if (token === "") return false;
  if (token === "*") return true;
  if (token === ">") return isLast;
  return !token.includes("*") && !token.includes(">");
}

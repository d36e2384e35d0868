import { showValue } from "../../../shared/config/mask.ts";
import type { ConfigProblem } from "../../../shared/config/problem.ts";
import type { Setting } from "./conf-text.ts";

/**
 * What an operator has to know. `choose`: to be decided before the bridge runs. `changed`: done otherwise than go-choria
 * does. `default`: not set, so go-choria's default counts. `reading`: how go-choria reads the file. `left out`: known to
 * go-choria, without a counterpart. `unknown`: not read by go-choria either.
 */
export const REMARK_KINDS = ["choose", "changed", "default", "reading", "left out", "unknown"] as const;

export interface Remark {
  readonly kind: (typeof REMARK_KINDS)[number];
  readonly text: string;
  /** The setting of ours that it is about: the comment also stands there. */
  readonly at?: readonly string[];
}

/** Collects what there is to say about a translation, so that everything is said at once. */
export class Report {
  readonly remarks: Remark[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  remark(kind: Remark["kind"], text: string, at?: readonly string[]): void {
    this.remarks.push(at === undefined ? { kind, text } : { kind, text, at });
  }

  /** Something that go-choria itself refuses, or that contradicts itself: nothing is written then. */
  problem(path: string, problem: string, fix: string): void {
    this.problems.push({ file: this.#file, path, value: "", problem, fix });
  }

  /** As `problem`, with the place and the value. */
  problemAt({ file, line, key, value }: Setting, problem: string, fix: string): void {
    this.problems.push({ file, line, path: key, value: showValue(key.split("."), value), problem, fix });
  }
}

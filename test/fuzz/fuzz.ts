import fc from "fast-check";
import type { Verdict } from "../../shared/choria/message.ts";
import { CostWatch, cpuMs, type Judged, judgeWith } from "./cost.ts";
import type { Step } from "./edits.ts";
import { type Mutant, makeMutant, type Recipe } from "./mutant.ts";
import { Oracle } from "./oracle.ts";
import { loadSpecimens, type Specimen } from "./specimens.ts";

/** What is fuzzed: the judge, or in a test of the fuzzer one that is known to be wrong. */
export type JudgeUnderTest = (mutant: Mutant, judged: Judged) => Promise<Verdict>;

export interface Tally {
  cases: number;
  /** By code, and by kind and proof for what was accepted. */
  readonly verdicts: Map<string, number>;
}

export interface Failure {
  /** What fast-check says: the violation, the smallest recipe, the seed and the path that lead to it again. */
  readonly report: string;
  /** The smallest message, base64. */
  readonly message: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  edit: fc.nat(1_023),
  layer: fc.nat(2),
  at: fc.nat(65_535),
  pick: fc.nat(65_535),
});
const recipe: fc.Arbitrary<Recipe> = fc.record({
  specimen: fc.nat(65_535),
  donor: fc.nat(65_535),
  kind: fc.nat(31),
  steps: fc.array(step, { maxLength: 4 }),
  signer: fc.nat(99),
  seal: fc.nat(31),
  grown: fc.nat(2_999),
});

const judgeForReal: JudgeUnderTest = (mutant, judged) => judgeWith(mutant.specimen.trust, judged);

/** Structure-aware fuzzing of the judge over both protocols and every kind. */
export class Fuzzer {
  readonly tally: Tally = { cases: 0, verdicts: new Map() };
  readonly cost = new CostWatch();
  readonly specimens: readonly Specimen[];
  readonly #oracle: Oracle;
  readonly #judge: JudgeUnderTest;
  #last: Mutant | null = null;

  private constructor(specimens: readonly Specimen[], judge: JudgeUnderTest) {
    this.specimens = specimens;
    this.#oracle = new Oracle(specimens);
    this.#judge = judge;
  }

  static async open(judge: JudgeUnderTest = judgeForReal): Promise<Fuzzer> {
    return new Fuzzer(await loadSpecimens(), judge);
  }

  /** Null when every case kept the rules; the cases follow from the seed alone. */
  async run(cases: number, seed: number): Promise<Failure | null> {
    const property = fc.asyncProperty(recipe, (made) => this.#check(made));
    const details = await fc.check(property, { numRuns: cases, seed });
    if (!details.failed) return null;
    const message = this.#last?.data.toString("base64") ?? "";
    const violation = details.errorInstance instanceof Error ? details.errorInstance.message : "";
    return { report: `${violation}\n${fc.defaultReportMessage(details)}`, message };
  }

  async #check(made: Recipe): Promise<void> {
    const mutant = makeMutant(made, this.specimens);
    const judged = { ...mutant, nowMs: mutant.specimen.nowMs };
    const start = cpuMs();
    const verdict = await this.#judge(mutant, judged);
    const usedMs = cpuMs() - start;
    const found =
      this.#oracle.violation(mutant, verdict) ?? (await this.cost.violation(judged, mutant.specimen, usedMs));
    this.#count(verdict);
    if (found === null) return;
    this.#last = mutant;
    throw new Error(`${mutant.specimen.name} judged as ${mutant.kind}: ${found}`);
  }

  #count(verdict: Verdict): void {
    this.tally.cases += 1;
    const name = verdict.ok ? `accepted ${verdict.message.kind}/${verdict.message.proof}` : verdict.rejection.code;
    this.tally.verdicts.set(name, (this.tally.verdicts.get(name) ?? 0) + 1);
  }
}

import type { ReplayLimits } from "../../shared/jetstream/replay-plan.ts";
import { REPLAY_ENDS } from "../replay/replay.ts";
import { type ReplayReport, replayReportSchema } from "../replay/report.ts";
import type { Selection } from "../replay/selection.ts";
import { Tally } from "../replay/tally.ts";
import { noneHasId } from "../replay/walk.ts";
import { reportMissing } from "./dead-list.ts";
import type { DeadReport } from "./dead-report.ts";
import { type Acting, namesDone, reportOf } from "./dead-work.ts";
import { functionInvoker, type Invoke } from "./invoke.ts";
import { firstSignal } from "./signals.ts";

/** What one invocation may take: an operator hears of it, and can stop, that often. */
const BUDGET_MS = 60_000;
/** Beside the budget: a cold start, connecting, and the function's own margin. */
const ANSWER_MS = 60_000;

/** Replays dead letters by calling a function that reaches the servers, as often as it takes. */
export async function replayThrough(name: string, order: Acting, limits: ReplayLimits): Promise<void> {
  const tally = new Tally(REPLAY_ENDS);
  const report = reportOf(order, tally);
  let isStopped = false;
  void firstSignal().then(() => {
    isStopped = true;
    console.error("the invocation under way cannot be called back: waiting for what it says");
  });
  try {
    const invoke = await functionInvoker(name, BUDGET_MS + ANSWER_MS);
    let rest: Selection | null = order.selection;
    for (let calls = 0; rest !== null && !isStopped; calls++) {
      const answer = await ask(invoke, { ...order, ...limits, selection: rest }, report.room);
      await take(answer, tally, report);
      if (JSON.stringify(answer.next) === JSON.stringify(rest)) throw new Error(TOO_SHORT);
      rest = answer.next;
      const { id } = order.selection;
      if (calls > 0 && rest === null && id !== undefined && tally.all === 0) reportMissing(noneHasId(id));
    }
    report.end(rest !== null);
  } finally {
    report.close();
  }
}

const TOO_SHORT = "the function has no time to replay anything: give it a longer timeout";

async function ask(invoke: Invoke, asked: Acting & ReplayLimits, room: number): Promise<ReplayReport> {
  const { selection, dryRun, maxReplays, force, by, why } = asked;
  const answer = await invoke({
    selection,
    dryRun,
    maxReplays,
    force,
    by,
    why,
    budgetMs: BUDGET_MS,
    details: namesDone(asked) ? "all" : "undone",
    mostDetails: room,
  });
  const read = replayReportSchema.safeParse(answer);
  if (read.success) return read.data;
  throw new Error("the function's answer is no report of a replay: is it the replay function, and of this version?");
}

async function take(answer: ReplayReport, tally: Tally, report: DeadReport): Promise<void> {
  tally.add(answer);
  for (const what of answer.missing) reportMissing(what);
  for (const detail of answer.details) await report.add(detail);
  report.omit(answer.detailsOmitted);
}

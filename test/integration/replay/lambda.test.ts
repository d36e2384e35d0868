import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplayEventError } from "../../../functions/replay/event.ts";
import type { ReplayReport } from "../../../functions/replay/report.ts";
import { eventually } from "../../support/eventually.ts";
import { SOME_TIME_MS, setup } from "./setup.ts";

/** What the function keeps back of its time; see `MARGIN_MS` in functions/replay/lambda.ts. */
const MARGIN_MS = 7_000;
/** The platform's limit for an answer. */
const MOST_ANSWER_BYTES = 6 * 1_024 * 1_024;

/** As the platform passes it on. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

test("the function replays what is selected, on record with who asked and its request", async (t) => {
  const { replay, die, counts, audit, jsm } = await setup(t);
  await die(3);
  await die(2, { "Dead-Job": "other" }, 4);

  const report = await replay({ selection: { job: "work" }, why: "the resolver is back" }, SOME_TIME_MS, "abc");

  assert.deepEqual(
    { ...report, totals: { replayed: report.totals["replayed"] } },
    {
      request: "abc",
      dryRun: false,
      totals: { replayed: 3 },
      undone: 0,
      missing: [],
      details: [],
      detailsOmitted: 0,
      ended: "complete",
      left: 0,
      next: null,
    },
  );
  assert.deepEqual(await counts(), [3, 2]);
  const { header, data } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.equal(Buffer.from(data).toString(), `body ${header.get("Job-Id").slice(3)}`);
  const records = await audit();
  assert.deepEqual(
    records.map(({ type, by, why }) => [type, by, why]),
    ["begin", "done", "end"].map((type) => [
      type,
      "op@laptop (request abc)",
      type === "done" ? undefined : "the resolver is back",
    ]),
  );
  assert.deepEqual(records[0]?.selection["job"], "work");
  assert.deepEqual(records[1]?.done?.map(({ sequence }) => sequence).sort(), [1, 2, 3]);
  assert.equal(records[2]?.totals?.["stopped"], false);
});

test("nothing is open once the function has returned or failed, so that nothing is there to be frozen", async (t) => {
  const { replay, die, connections, jsm } = await setup(t);
  await die(1);

  await replay({ selection: { all: true } });
  await eventually(async () => assert.deepEqual(await connections(), []));
  await jsm.streams.delete("CHORIA_DEAD");
  await assert.rejects(replay({ selection: { all: true } }), /there is no stream "CHORIA_DEAD" yet/);

  await eventually(async () => assert.deepEqual(await connections(), []));
});

test("a dry run names each and touches nothing, not even the audit", async (t) => {
  const { replay, die, counts, jsm } = await setup(t);
  await die(2);

  const report = await replay({ selection: { sequences: [2, 9] }, dryRun: true, details: "all" });

  assert.deepEqual([report.dryRun, report.totals["replayed"], report.undone], [true, 1, 0]);
  assert.deepEqual(report.missing, ["there is no dead letter 9"]);
  assert.deepEqual(
    report.details.map(({ sequence, result }) => [sequence, result]),
    [[2, { type: "replayed", done: true, told: "would be replayed as id-2.r1", id: "id-2.r1" }]],
  );
  assert.deepEqual(await counts(), [0, 2]);
  await assert.rejects(jsm.streams.info("CHORIA_AUDIT"), /stream not found/);
});

test("what was replayed too often is left and named, unless it is forced", async (t) => {
  const { replay, die, counts } = await setup(t);
  await die(2, { "Job-Replays": "2" });
  await die(1, {}, 3);

  const capped = await replay({ selection: { all: true }, maxReplays: 2 });

  assert.deepEqual([capped.totals["replayed"], capped.totals["capped"], capped.undone], [1, 2, 2]);
  assert.deepEqual(
    capped.details.map(({ sequence, result }) => [sequence, result.told]),
    [1, 2].map((sequence) => [
      sequence,
      "not replayed: it was 2 times already, --max-replays is 2 (--force replays it)",
    ]),
  );
  assert.deepEqual(await counts(), [1, 2]);

  const forced = await replay({ selection: { all: true }, maxReplays: 2, force: true, mostDetails: 0 });
  assert.deepEqual([forced.totals["replayed"], await counts()], [2, [3, 0]]);
});

test("of more undone ones than the answer should name, the others are counted", async (t) => {
  const { replay, die } = await setup(t);
  await die(7, { "Dead-Stream": "GONE" });

  const report = await replay({ selection: { all: true }, mostDetails: 5 });

  assert.deepEqual([report.undone, report.details.length, report.detailsOmitted], [7, 5, 2]);
  assert.match(report.details[0]?.result.told ?? "", /the configuration has no stream "GONE"/);
});

test("an event that says too little, too much or nonsense is refused in one line, and nothing is touched", async (t) => {
  const { replay, die, counts, jsm, handlerFor } = await setup(t);
  await die(2);
  const cases: readonly (readonly [event: object, says: RegExp])[] = [
    [{}, /selection: Invalid input: expected object, received undefined/],
    [{ selection: {} }, /selection: name sequences, give filters such as job, or say all: true/],
    [{ selection: { limit: 5 } }, /say all: true/],
    [{ selection: { fromSequence: 1 } }, /say all: true/],
    [{ selection: { jobs: "work" } }, /selection: Unrecognized key: "jobs"/],
    [{ selection: { all: true, reson: "TIMEOUT" } }, /Unrecognized key: "reson"/],
    [{ selection: { all: true, sequences: [1] } }, /but not both/],
    [{ selection: { sequences: [0] } }, /selection: sequences: 0: Too small/],
    [{ selection: { diedAfter: "yesterday" } }, /selection: diedAfter: Invalid ISO datetime/],
    [{ selection: { all: true, limit: 0 }, dryrun: true }, /selection: limit: Too small.*; Unrecognized key: "dryrun"/],
    [{ selection: { all: true }, by: "" }, /by: Too small/],
    [{ selection: { all: true }, budgetMs: "1s" }, /budgetMs: Invalid input/],
  ];

  for (const [event, says] of cases) {
    await assert.rejects(replay(event), (error: unknown) => {
      assert.ok(error instanceof ReplayEventError, String(error));
      assert.match(error.message, /^the event cannot be used, and nothing was done: [^\n]+$/);
      assert.match(error.message, says);
      return true;
    });
  }
  const context = { awsRequestId: "r", getRemainingTimeInMillis: () => SOME_TIME_MS };
  await assert.rejects(handlerFor("nats://127.0.0.1:1")("all", context), ReplayEventError, "before anything is opened");
  assert.deepEqual(await counts(), [0, 2]);
  await assert.rejects(jsm.streams.info("CHORIA_AUDIT"), /stream not found/);
});

test("servers that are away and variables that are missing are told in one line each", async (t) => {
  const { handlerFor } = await setup(t);
  const context = { awsRequestId: "r", getRemainingTimeInMillis: () => SOME_TIME_MS };
  const event = { by: "op", selection: { all: true } };

  await assert.rejects(handlerFor("nats://127.0.0.1:1")(event, context), /^ConnectError: [^\n]*127\.0\.0\.1:1[^\n]*$/);
  await assert.rejects(handlerFor("")(event, context), /^ConfigError: [^\n]*connections\.main\.servers\[0\][^\n]*$/);
});

test("what does not fit into the time is left whole, and is gone on with by the selection in the answer", async (t) => {
  const { replay, die, counts, audit } = await setup(t);
  const all = 3_000;
  await die(all);

  let report = await replay({ selection: { all: true } }, MARGIN_MS + 30);

  assert.equal(report.ended, "time");
  const [replayed, dead] = await counts();
  assert.deepEqual([report.totals["replayed"], report.left], [replayed, dead], "nothing in both, nothing in neither");
  assert.ok(dead > 0, "the time was too long for this test");
  assert.equal((await audit()).at(-1)?.totals?.["stopped"], true);
  const rest = asJson(report.next);
  assert.deepEqual(rest, { all: true, sequences: [], fromSequence: replayed + 1 });
  for (let calls = 0; report.next !== null; calls++) {
    assert.ok(calls < 10);
    report = await replay({ selection: asJson(report.next) });
  }
  assert.deepEqual(await counts(), [all, 0]);
});

test("without any time nothing is touched, whether or not anything fits, and limits and named ones are gone on with", async (t) => {
  const { replay, die, counts } = await setup(t);
  await die(4);

  const reports: ReplayReport[] = [];
  for (const selection of [{ job: "nobody's" }, { all: true, limit: 2 }, { sequences: [3, 1, 3] }]) {
    reports.push(await replay({ selection }, MARGIN_MS));
  }

  assert.deepEqual(
    reports.map(({ ended, left, next }) => [ended, left, asJson(next)]),
    [
      ["time", 4, { all: false, sequences: [], job: "nobody's", fromSequence: 1 }],
      ["time", 4, { all: true, sequences: [], limit: 2, fromSequence: 1 }],
      ["time", 2, { all: false, sequences: [3, 1] }],
    ],
  );
  assert.deepEqual(await counts(), [0, 4]);
  const limited = await replay({ selection: asJson(reports[1]?.next) });
  assert.deepEqual([limited.ended, limited.totals["replayed"], await counts()], ["complete", 2, [2, 2]]);
});

test("answers that name each stay below the platform's limit, and together name everyone once", async (t) => {
  const { replay, die } = await setup(t);
  const all = 400;
  await die(all, { "Dead-Error": "x".repeat(20_000) });
  const named: number[] = [];
  const ends: string[] = [];

  for (let selection: unknown = { all: true }; selection !== null; ) {
    const report = await replay({ selection, dryRun: true, details: "all", mostDetails: 100_000 });
    assert.ok(Buffer.byteLength(JSON.stringify(report)) < MOST_ANSWER_BYTES);
    assert.equal(report.detailsOmitted, 0);
    named.push(...report.details.map(({ sequence }) => sequence));
    ends.push(report.ended);
    selection = asJson(report.next);
  }

  assert.deepEqual(
    named.sort((a, b) => a - b),
    Array.from({ length: all }, (_, at) => at + 1),
  );
  assert.deepEqual([ends[0], ends.at(-1)], ["full", "complete"]);
});

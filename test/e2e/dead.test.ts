import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runCli, startCli } from "../support/cli.ts";
import { deadLetterConfig, publishDead, publishManyDead } from "../support/dead-letters.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

const HOUR_MS = 3_600_000;

/** A record of the audit stream, with its subject. */
interface AuditRecord {
  readonly subject: string;
  readonly type: string;
  readonly by: string;
  readonly why?: string;
  readonly selection: Readonly<Record<string, unknown>>;
  readonly done?: readonly { readonly sequence: number; readonly job: string; readonly id?: string }[];
  readonly totals: Readonly<Record<string, unknown>>;
}

/** A configuration with work queue JOBS and job `work`, and what is needed to fill its dead letters. */
async function setup(t: TestContext) {
  const nats = await startNats(t);
  const [folder, connection, jsm] = await Promise.all([makeFolder(t), nats.connect(), nats.jsm()]);
  const value = deadLetterConfig(nats.url, { maxDeliver: 2, ackWait: "1s", timeout: "500ms" });
  const file = await writeYaml(folder, value);
  const applied = await runCli(["streams", "apply", "--config", file]);
  assert.equal(applied.code, 0, applied.stdout + applied.stderr);
  const js = connection.jetstream();
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  return {
    folder,
    file,
    jsm,
    js,
    messages,
    counts: async () => [await messages("JOBS"), await messages("CHORIA_DEAD")],
    dead: (...args: string[]) => runCli(["dead", ...args, "--config", file]),
    die: (number: number, changes: Record<string, string> = {}, body?: string) =>
      publishDead(js, number, changes, body),
    async audit(): Promise<AuditRecord[]> {
      const { last_seq: last } = (await jsm.streams.info("CHORIA_AUDIT")).state;
      const records: AuditRecord[] = [];
      for (let seq = 1; seq <= last; seq++) {
        const { subject, data } = await jsm.streams.getMessage("CHORIA_AUDIT", { seq });
        records.push({ subject, ...JSON.parse(Buffer.from(data).toString()) });
      }
      return records;
    },
  };
}

const jsonLines = (text: string) =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

test("dead letters are listed by job, reason, sender, id and age, and what they say cannot drive a terminal", async (t) => {
  const { dead, die } = await setup(t);
  await die(1, { "Dead-At": ago(2 * HOUR_MS), "Dead-Error": "\u009b31mred\u202e" });
  await die(2, { "Dead-At": ago(1_000), "Dead-Reason": "TIMEOUT" });
  await die(3, { "Dead-At": ago(1_000), "Dead-Job": "other", "Choria-Sender": "n2" });

  const [plain, ...filtered] = await Promise.all([
    dead("ls"),
    dead("ls", "--json", "--job", "work"),
    dead("ls", "--json", "--reason", "TIMEOUT"),
    dead("ls", "--json", "--sender", "n2"),
    dead("ls", "--json", "--id", "id-3"),
    dead("ls", "--json", "--older-than", "1h"),
    dead("ls", "--json", "--newer-than", "1h"),
    dead("ls", "--json", "--limit", "1"),
    dead("ls", "--json", "--older-than", "90d"),
  ]);

  assert.equal(plain?.code, 0, plain?.stderr);
  assert.deepEqual(
    [plain?.stderr, filtered.at(-2)?.stderr],
    ["", "the first 1; there are more (--limit)\n"],
    "what a limit hides is told",
  );
  assert.match(
    plain?.stdout ?? "",
    /^1 {2}\S+Z {2}work {2}NO_SUCH_HOST {2}3 attempts {2}JOBS:1 {2}n1\.example\.net {2}6 B {2}/,
  );
  assert.doesNotMatch(plain?.stdout ?? "", /[^\n\x20-\x7e]/);
  assert.deepEqual(
    filtered.map(({ stdout }) => jsonLines(stdout).map(({ sequence }) => sequence)),
    [[1, 2], [2], [3], [3], [1], [2, 3], [1], []],
  );
});

test("one dead letter is shown with its headers and body, and all are exported as JSON lines", async (t) => {
  const { dead, die, folder } = await setup(t);
  await die(1, {}, "\u001b[2Jcleared");
  await die(2);

  const [show, json, all, one] = await Promise.all([
    dead("show", "1"),
    dead("show", "1", "--json"),
    dead("export"),
    dead("export", "2", "--output", join(folder, "two.jsonl")),
  ]);

  assert.equal(show.code, 0, show.stderr);
  assert.match(show.stdout, /^sequence +1\njob +work\n/);
  assert.match(show.stdout, /\nDead-Reason: NO_SUCH_HOST\n/);
  assert.match(show.stdout, /\n\n\.\[2Jcleared\n$/);
  const shown = JSON.parse(json.stdout);
  assert.equal(Buffer.from(shown.body, "base64").toString(), "\u001b[2Jcleared");
  assert.deepEqual(
    jsonLines(all.stdout).map(({ id }) => id),
    ["id-1", "id-2"],
  );
  assert.deepEqual(jsonLines(all.stdout)[0], shown);
  assert.equal(one.code, 0, one.stderr);
  const written = await readFile(join(folder, "two.jsonl"), "utf8");
  assert.deepEqual(written, `${all.stdout.split("\n")[1]}\n`);
  const again = await dead("export", "--output", join(folder, "two.jsonl"));
  assert.equal(again.code, 1);
  assert.match(again.stderr, /cannot write .*two\.jsonl: EEXIST/);
});

test("a dry run touches nothing, not even the audit", async (t) => {
  const { dead, die, counts, jsm } = await setup(t);
  await die(1);
  await jsm.streams.delete("CHORIA_AUDIT");

  const [replay, drop] = [await dead("replay", "--all", "--dry-run"), await dead("drop", "1", "--dry-run")];

  assert.deepEqual([replay.code, drop.code], [0, 0], replay.stderr + drop.stderr);
  assert.match(replay.stdout, /-> would be replayed as id-1\.r1\ndry run: 1 replayed\n$/);
  assert.match(drop.stdout, /-> would be dropped\ndry run: 1 dropped\n$/);
  assert.deepEqual(await counts(), [0, 1]);
  await assert.rejects(jsm.streams.info("CHORIA_AUDIT"), /stream not found/);
});

test("a replay and a drop are on record: who, with which filters, what became of which", async (t) => {
  const { dead, die, counts, audit, jsm } = await setup(t);
  await jsm.streams.delete("CHORIA_AUDIT"); // it is made when it is missing
  for (let number = 1; number <= 1_100; number++) await die(number, number > 1_090 ? { "Dead-Job": "other" } : {});

  const replay = await dead("replay", "--job", "work", "--limit", "1050");
  const drop = await dead("drop", "1091", "1092", "--by", "an operator", "--why", "sent by mistake");

  assert.equal(replay.code, 0, replay.stderr);
  assert.match(replay.stdout, /^1050 replayed\n$/);
  assert.match(drop.stdout, /-> dropped\n2 dropped\n$/);
  assert.deepEqual(await counts(), [1_050, 48]);
  const records = await audit();
  assert.deepEqual(
    records.map(({ subject, type }) => `${subject} ${type}`),
    [
      ...["begin", "done", "done", "end"].map((type) => `CHORIA_AUDIT.dead.replay ${type}`),
      ...["begin", "done", "end"].map((type) => `CHORIA_AUDIT.dead.drop ${type}`),
    ],
  );
  const [begin, first, second, end, , dropped] = records;
  assert.match(begin?.by ?? "", /^.+@.+$/);
  assert.deepEqual([begin?.selection["job"], begin?.selection["limit"]], ["work", 1_050]);
  const done = [...(first?.done ?? []), ...(second?.done ?? [])];
  assert.deepEqual([first?.done?.length, done.length], [1_000, 1_050]);
  assert.equal(new Set(done.map(({ sequence }) => sequence)).size, 1_050);
  const seventh = done.find(({ sequence }) => sequence === 7);
  assert.deepEqual(seventh, { sequence: 7, job: "work", id: "id-7.r1" });
  assert.deepEqual([end?.totals["replayed"], end?.totals["stopped"]], [1_050, false]);
  assert.deepEqual([dropped?.by, dropped?.done?.length], ["an operator", 2]);
  assert.deepEqual([begin?.why, records.at(-1)?.why], [undefined, "sent by mistake"]);
});

test("what is named and not there fails the command, which does the rest", async (t) => {
  const { dead, die, counts } = await setup(t);
  await die(1);

  const results = {
    show: await dead("show", "99"),
    drop: await dead("drop", "99"),
    id: await dead("replay", "--id", "nobody"),
    replay: await dead("replay", "99", "1"),
  };

  for (const { code, stderr } of [results.show, results.drop, results.replay]) {
    assert.deepEqual([code, /there is no dead letter 99/.test(stderr)], [1, true], stderr);
  }
  assert.deepEqual([results.id.code, /no dead letter has the id "nobody"/.test(results.id.stderr)], [1, true]);
  assert.match(results.replay.stdout, /-> replayed as id-1\.r1, sequence 1\n1 replayed/);
  assert.deepEqual(await counts(), [1, 0]);
});

test("what acts on dead letters wants to be told on which", async (t) => {
  const { dead, die, counts } = await setup(t);
  await die(1);

  for (const [args, says] of [
    [["replay"], /name sequences, give filters such as --job, or say --all/],
    [["drop"], /name sequences, give filters/],
    [["replay", "1", "--all"], /but not both/],
    [["drop", "1", "--job", "work"], /but not both/],
    [["drop", "first"], /"first" is no sequence number/],
    [["ls", "--limit", "0"], /whole number above 0/],
    [["ls", "--older-than", "soon"], /It must be seconds, or a span/],
  ] as const) {
    const { code, stderr } = await dead(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, says);
  }
  assert.deepEqual(await counts(), [0, 1]);
});

test("what cannot be replayed is named with its reason and left, and the command fails", async (t) => {
  const { dead, die, counts, jsm } = await setup(t);
  await die(1, { "Job-Replays": "3", "Job-Id": "id-1" });
  await die(2, { "Dead-Truncated-From": "9000" });
  await die(3, { "Dead-Stream": "GONE" });

  const { code, stdout } = await dead("replay", "--all");

  assert.equal(code, 1);
  assert.match(stdout, /it was 3 times already, --max-replays is 3/);
  assert.match(stdout, /only 6 of its 9000 bytes were kept/);
  assert.match(stdout, /the configuration has no stream "GONE"/);
  assert.match(stdout, /\n0 replayed, 1 capped, 1 truncated, 1 unusable\n$/);
  assert.deepEqual(await counts(), [0, 3]);

  const forced = await dead("replay", "1", "--force");
  assert.equal(forced.code, 0, forced.stdout);
  const { header } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.deepEqual([header.get("Nats-Msg-Id"), header.get("Job-Replays")], ["id-1.r4", "4"]);
});

test("a replay into a full queue fails for what finds no room, and goes on once there is", async (t) => {
  const { dead, die, counts, jsm } = await setup(t);
  for (let number = 1; number <= 5; number++) await die(number);
  const { config } = await jsm.streams.info("JOBS");
  await jsm.streams.update("JOBS", { ...config, max_msgs: 3 });

  const full = await dead("replay", "--all");

  assert.equal(full.code, 1);
  assert.match(full.stdout, /-> not replayed: full: /);
  assert.match(full.stdout, /\n3 replayed, 2 failed\n$/);
  assert.deepEqual(await counts(), [3, 2]);
  await jsm.streams.update("JOBS", { ...config, max_msgs: -1 });
  const rest = await dead("replay", "--all");
  assert.deepEqual([rest.code, await counts()], [0, [5, 0]], rest.stderr);
});

test("a replay that is killed goes on where it stopped: everything is replayed once", async (t) => {
  const { dead, js, counts, jsm, file, messages } = await setup(t);
  const all = 5_000;
  await publishManyDead(js, all);
  const killed = startCli(["dead", "replay", "--all", "--config", file]);
  await eventually(async () => assert.ok((await messages("JOBS")) >= 100, "not yet"), { timeoutMs: 60_000 });
  killed.child.kill("SIGKILL");
  await killed.ended;
  const [replayed, left] = await counts();
  assert.ok((replayed ?? 0) < all && (left ?? 0) > 0, `killed too late: ${replayed} replayed, ${left} left`);

  const again = await dead("replay", "--all");

  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.deepEqual(await counts(), [all, 0]);
  const ids = new Set<string>();
  for (let seq = 1; seq <= all; seq++) {
    const { header } = await jsm.streams.getMessage("JOBS", { seq });
    ids.add(header.get("Nats-Msg-Id"));
  }
  assert.equal(ids.size, all);
});

test("Ctrl-C ends a replay after what is under way, on record, and it can be gone on with", async (t) => {
  const { dead, js, counts, audit, file, messages } = await setup(t);
  const all = 5_000;
  await publishManyDead(js, all);
  const stopped = startCli(["dead", "replay", "--all", "--config", file]);
  await eventually(async () => assert.ok((await messages("JOBS")) >= 100, "not yet"), { timeoutMs: 60_000 });
  stopped.child.kill("SIGINT");
  const { code, stderr, stdout } = await stopped.ended;

  assert.equal(code, 1, stderr);
  assert.match(stderr, /stopped; run it again to go on/);
  const [replayed = 0, left = 0] = await counts();
  assert.equal(replayed + left, all, "nothing is in both, nothing in neither");
  assert.match(stdout, new RegExp(`^${replayed} replayed\\n$`));
  const records = await audit();
  const recorded = records.flatMap(({ done = [] }) => done).length;
  assert.deepEqual([recorded, records.at(-1)?.totals["stopped"]], [replayed, true]);
  assert.equal((await dead("replay", "--all")).code, 0);
  assert.deepEqual(await counts(), [all, 0]);
});

test("sweep takes a message whose deliveries are spent to the dead letters, and says what is left", async (t) => {
  const { js, jsm, file, counts } = await setup(t);
  await js.publish("jobs.n1", "spent");
  const consumer = await js.consumers.get("JOBS", "work");
  await eventually(async () => {
    for await (const _ of await consumer.fetch({ max_messages: 10, expires: 1_000 }));
    assert.equal((await jsm.consumers.info("JOBS", "work")).num_ack_pending, 0);
  });

  const first = await runCli(["sweep", "--config", file]);
  const second = await runCli(["sweep", "--config", file, "--json"]);

  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^job work: 1 found by advisory\nstream JOBS: 0 messages, 0 stranded, 0 on subjects/);
  assert.deepEqual(JSON.parse(second.stdout), {
    swept: {},
    streams: { JOBS: { messages: 0, stranded: 0, unclaimed: 0 } },
    failures: [],
  });
  assert.deepEqual(await counts(), [0, 1]);
});

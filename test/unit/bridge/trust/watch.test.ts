import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { TrustWatch } from "../../../../functions/bridge/trust/watch.ts";
import { eventually } from "../../../support/eventually.ts";
import { makeFolder } from "../../../support/folder.ts";

const EVERY_MS = 10;
const FIXED_TIME = new Date("2026-01-01T00:00:00Z");

/** A watch over one file, and what the file held each time it told of a change. */
async function setup(t: TestContext) {
  const folder = await makeFolder(t);
  const file = join(folder, "deny.txt");
  await writeFile(file, "a\n");
  const seen: string[] = [];
  const onChange = () => void seen.push(existsSync(file) ? readFileSync(file, "utf8") : "gone");
  const watch = new TrustWatch({ paths: () => [file], onChange, everyMs: EVERY_MS });
  t.after(() => watch.stop());
  await eventually(() => assert.deepEqual(seen, ["a\n"], "the first look tells of what is there"));
  return { folder, file, seen, watch };
}

test("a file that is replaced by another of the same size and time is seen", async (t) => {
  const { folder, file, seen } = await setup(t);
  await utimes(file, FIXED_TIME, FIXED_TIME);
  const next = join(folder, "next");
  await writeFile(next, "b\n");
  await utimes(next, FIXED_TIME, FIXED_TIME);

  await rename(next, file);

  await eventually(() => assert.deepEqual(seen, ["a\n", "b\n"]));
});

test("a file that is written in parts is not told of at each part, but when it has settled", async (t) => {
  const { file, seen } = await setup(t);

  let text = "";
  for (let line = 0; line < 20; line += 1) {
    text += `line ${line}\n`;
    await writeFile(file, text);
    await wait(30); // the writer's pace, well below what counts as settled
  }

  await eventually(() => assert.equal(seen.at(-1), text));
  // A busy machine may stop the writer for longer than a settled file rests, but not at every part.
  assert.ok(seen.length < 8, `told of ${seen.length} times`);
});

test("a folder that is swapped by its link, as mounted secrets are, is seen", async (t) => {
  const folder = await makeFolder(t);
  for (const name of ["one", "two"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "crl.pem"), name);
  }
  await symlink("one", join(folder, "current"));
  let changes = 0;
  const watch = new TrustWatch({
    paths: () => [join(folder, "current", "crl.pem")],
    onChange: () => {
      changes += 1;
    },
    everyMs: EVERY_MS,
  });
  t.after(() => watch.stop());
  await eventually(() => assert.equal(changes, 1));

  await symlink("two", join(folder, "next"));
  await rename(join(folder, "next"), join(folder, "current"));

  await eventually(() => assert.equal(changes, 2));
});

test("a file that goes is told of, and again when it is back", async (t) => {
  const { file, seen } = await setup(t);
  await rm(file);
  await eventually(() => assert.deepEqual(seen, ["a\n", "gone"]));
  await writeFile(file, "a\n");
  await eventually(() => assert.deepEqual(seen, ["a\n", "gone", "a\n"]));
});

test("a watch that was stopped tells of nothing more", async (t) => {
  const { file, seen, watch } = await setup(t);
  await watch.stop();
  await writeFile(file, "b\n");
  const others: string[] = [];
  const other = new TrustWatch({ paths: () => [file], onChange: () => void others.push("told"), everyMs: EVERY_MS });
  t.after(() => other.stop());
  await eventually(() => assert.deepEqual(others, ["told"]));
  assert.deepEqual(seen, ["a\n"]);
});

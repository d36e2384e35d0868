import assert from "node:assert/strict";
import { test } from "node:test";
import { joinResults, splitResults } from "../../../bench/result-parts.ts";

const WHOLE = "# Benchmark\n\nrates\n\n## Functions\n\nsizes\n\n## History\n\n| what | why |\n";

test("a part that was measured anew takes the place of the old one, and the others stay", () => {
  const text = joinResults({ ...splitResults(WHOLE), functions: "## Functions\n\nnew sizes\n" });

  assert.equal(text, WHOLE.replace("sizes", "new sizes"));
});

test("a part that was not there before comes between the rates and the history", () => {
  const text = joinResults({
    ...splitResults("# Benchmark\n\nrates\n\n## History\n\n| what | why |\n"),
    functions: "## Functions\n\nsizes\n",
  });

  assert.equal(text, WHOLE);
});

test("the bridge's bars stand between the rates and the functions, and stay when others are measured", () => {
  const production = "## The bridge in production\n\nbars\n";
  const text = joinResults({ ...splitResults(WHOLE), production });

  assert.equal(text, WHOLE.replace("## Functions", `${production}\n## Functions`));
  assert.equal(joinResults(splitResults(text)), text);
});

test("the first results begin a history", () => {
  assert.equal(joinResults({ ...splitResults(""), main: "# Benchmark" }), "# Benchmark\n\n## History\n");
});

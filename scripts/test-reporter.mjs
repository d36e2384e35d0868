// Node's spec reporter, with the slowest files named just before its closing summary.
import { relative } from "node:path";
import { compose } from "node:stream";
import { spec } from "node:test/reporters";

const SHOWN = 5;

async function* withSlowestFiles(events) {
  const durations = new Map();
  let told = false;
  for await (const event of events) {
    const { type, data } = event;
    if ((type === "test:pass" || type === "test:fail") && data.nesting === 0) {
      durations.set(data.file, (durations.get(data.file) ?? 0) + data.details.duration_ms);
    }
    if (type === "test:diagnostic" && data.nesting === 0 && data.message.startsWith("tests ") && !told) {
      told = true;
      yield { type: "test:stdout", data: { message: slowest(durations) } };
    }
    yield event;
  }
}

function slowest(durations) {
  const rows = [...durations].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  const lines = rows.map(
    ([file, ms]) => `  ${(ms / 1_000).toFixed(1).padStart(6)} s  ${relative(process.cwd(), file)}`,
  );
  return `slowest files\n${lines.join("\n")}\n`;
}

// biome-ignore lint/style/noDefaultExport: node's test runner takes a reporter from the default export
export default async function* report(events) {
  yield* compose(withSlowestFiles(events), new spec());
}

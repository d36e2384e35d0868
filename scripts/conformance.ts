import { runConformance } from "../functions/cli/conformance.ts";

const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined || rest.length > 0) {
  console.error("usage: npm run conformance -- DIR   (a folder of test vectors, such as test/fixtures/vectors)");
  process.exitCode = 2;
} else {
  process.exitCode = await runConformance(folder, (line) => console.log(line));
}

// Transpiles functions/ and shared/ into dist/, file for file, so that a checkout, the packed tarball and the tests
// run the same modules. Types are checked by `npm run types`, not here: a build must be fast enough to precede `npm start`.
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = join(root, "dist");
const sources = ["functions", "shared"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(root, folder, String(file)))
    .filter((file) => file.endsWith(".ts")),
);

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: sources,
  outdir,
  outbase: root,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: true,
  logLevel: "warning",
});
// esbuild leaves import paths alone when it does not bundle: "./x.ts" must name the file it became.
const relativeTs = /((?:from|import)\s*\(?\s*["'])(\.{1,2}\/[^"']+)\.ts(["'])/g;
for (const file of readdirSync(outdir, { recursive: true })) {
  if (!String(file).endsWith(".js")) continue;
  const path = join(outdir, String(file));
  writeFileSync(path, readFileSync(path, "utf8").replace(relativeTs, "$1$2.js$3"));
}

// `npx choria-bridge` in a checkout: npm links the commands of dependencies there, not the package's own, and without
// a link npx installs the checkout into a cache of its own, where one failed attempt stays broken for good.
const commands = join(root, "node_modules", ".bin");
if (process.platform !== "win32" && existsSync(commands)) {
  rmSync(join(commands, "choria-bridge"), { force: true });
  symlinkSync("../../bin/choria-bridge.js", join(commands, "choria-bridge"));
}

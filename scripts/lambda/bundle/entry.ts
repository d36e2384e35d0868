import { join, resolve } from "node:path";
import type { LambdaFunction } from "./functions.ts";

/**
 * The module that a function's bundle is made of: the handlers of its own jobs, by reference, and what runs them.
 * `root` is the checkout, `folder` that of the configuration.
 */
export function entryModule({ name, handlers }: LambdaFunction, root: string, folder: string): string {
  const at = (path: string) => JSON.stringify(join(root, path));
  const common = 'configUrl: new URL("config.json", import.meta.url), env: process.env';
  if (name === "sweeper") {
    return `import { makeSweeper } from ${at("functions/consumer/lambda/sweeper.ts")};
export const handler = makeSweeper({ ${common} });
`;
  }
  if (name === "replay") {
    return `import { makeReplay } from ${at("functions/replay/lambda.ts")};
export const handler = makeReplay({ ${common} });
`;
  }
  const imports = handlers.map((reference, index) => {
    const { path, exported } = splitReference(reference);
    return `import { ${exported} as handler${index} } from ${JSON.stringify(resolve(folder, path))};\n`;
  });
  const table = handlers.map((reference, index) => `${JSON.stringify(reference)}: handler${index}`);
  return `${imports.join("")}import { makeConsumer } from ${at("functions/consumer/lambda/consumer.ts")};
export const handler = makeConsumer({
  ${common},
  handlers: { ${table.join(", ")} },
  functionName: ${JSON.stringify(name)},
});
`;
}

/** `path/to/module.ts#export`, which the schema has checked. */
function splitReference(reference: string): { readonly path: string; readonly exported: string } {
  const at = reference.lastIndexOf("#");
  return { path: reference.slice(0, at), exported: reference.slice(at + 1) };
}

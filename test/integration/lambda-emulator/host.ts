// An emulator whose process ends without closing it: prints the id of a frozen environment's process, and waits for the
// end of its own stdin.
import { LambdaEmulator } from "../../support/lambda/emulator.ts";

const taskRoot = process.argv[2] ?? "";
const emulator = await LambdaEmulator.start({
  functions: [{ name: "count", taskRoot, handler: ".build/lambda/all.count", timeoutMs: 60_000 }],
});
emulator.onInvocation(() => console.log(emulator.environments("count")[0]?.pid));
emulator.tick("count");
process.stdin.resume().on("end", () => process.exit(0));

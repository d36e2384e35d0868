// Plays the Lambda runtime for a bundle: imports it once, then invokes its handler for each message from the parent.
import { pathToFileURL } from "node:url";

const { handler } = await import(pathToFileURL(process.argv[2]).href);
process.on("message", async ({ timeLeftMs }) => {
  const endsAt = Date.now() + timeLeftMs;
  const answer = await handler({}, { getRemainingTimeInMillis: () => endsAt - Date.now() }).then(
    (report) => ({ report }),
    (error) => ({ error: String(error) }),
  );
  process.send(answer);
});
process.send({ ready: true });

import { connect } from "nats";
import { readLoad } from "./load.ts";

/**
 * Publishes a file of pre-signed messages once, in its own process, never more than a window ahead of the process that is
 * measured: that one says on `bench.credit` how many it has finished. Every message is distinct and sent once.
 */
const WINDOW = 768;
const [url = "", subject = "", file = ""] = process.argv.slice(2);

const { messages } = readLoad(file);
const connection = await connect({ servers: url, name: "bench publisher" });
let finished = 0;
let wake = () => {};
connection.subscribe("bench.credit", {
  callback: (_error, message) => {
    finished = Number(message.string());
    wake();
  },
});
for (let sent = 0; sent < messages.length; sent += 1) {
  while (sent - finished >= WINDOW) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  const message = messages[sent];
  if (message !== undefined) connection.publish(subject, message);
}
await connection.drain();

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JetStreamManager } from "nats";
import { makeChannel } from "../../shared/jetstream/channel.ts";
import { SinkUnavailableError } from "../../shared/jobs/errors.ts";
import { jetStreamSink } from "../../shared/sinks/jetstream.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import { startNats } from "../support/nats.ts";
import { makeOutbound, never, type SinkUnderTest, testSinkContract } from "../support/sink-contract.ts";

async function setup(t: TestContext, subject = "out.{sender}"): Promise<SinkUnderTest & { jsm: JetStreamManager }> {
  const nats = await startNats(t);
  const jsm = await nats.jsm();
  await jsm.streams.add({ name: "OUT", subjects: ["out.>"] });
  const connection = await nats.connect();
  const channel = makeChannel(connection, 1_000, () => performance.now());
  t.after(() => channel.replies.close());
  const template = compileTemplate(subject);
  return {
    jsm,
    sink: jetStreamSink(channel, { name: "store", stream: "OUT", subject: template }),
    stored: () => readAll(jsm),
    breakTarget: async () => void (await jsm.streams.delete("OUT")),
    refused: makeOutbound({ body: new Uint8Array((connection.info?.max_payload ?? 0) + 1) }),
  };
}

async function readAll(jsm: JetStreamManager): Promise<{ id: string; body: Uint8Array; subject: string }[]> {
  const { state } = await jsm.streams.info("OUT");
  const found: { id: string; body: Uint8Array; subject: string }[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const { header, data, subject } = await jsm.streams.getMessage("OUT", { seq });
    found.push({ id: header.get("Nats-Msg-Id"), body: data, subject });
  }
  return found;
}

testSinkContract("JetStream sink", (t) => setup(t));

test("the JetStream sink takes the facts of its subject from the Choria headers", async (t) => {
  const { sink, jsm } = await setup(t, "out.{collective}.{agent}.{caller}.{sender}");

  await sink.write(
    makeOutbound({
      headers: [
        ["Choria-Sender", "n1.example.net"],
        ["Choria-Collective", "mcollective"],
        ["Choria-Agent", "registration"],
        ["Choria-Caller", "choria=> *"],
      ],
    }),
    never,
  );

  const [message] = await readAll(jsm);
  assert.match(message?.subject ?? "", /^out\.mcollective\.registration\.[^.*>\s]+\.n1\.example\.net$/);
});

test("the JetStream sink does not count a message as stored that another stream took", async (t) => {
  const { sink, jsm } = await setup(t);
  await jsm.streams.delete("OUT");
  await jsm.streams.add({ name: "OTHER", subjects: ["out.>"] });

  await assert.rejects(sink.write(makeOutbound(), never), SinkUnavailableError);
  assert.equal((await jsm.streams.info("OTHER")).state.messages, 0);
});

test("the JetStream sink reports a full stream as unavailable, and goes on when there is room", async (t) => {
  const { sink, jsm } = await setup(t);
  const { config } = await jsm.streams.info("OUT");
  await jsm.streams.update("OUT", { ...config, max_msgs: 1, discard: "new" as never });
  await sink.write(makeOutbound({ id: "1" }), never);

  await assert.rejects(sink.write(makeOutbound({ id: "2" }), never), SinkUnavailableError);
  await jsm.streams.purge("OUT");

  assert.deepEqual(await sink.write(makeOutbound({ id: "2" }), never), { duplicate: false });
});

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { SinkRefusedError, SinkUnavailableError } from "../../shared/jobs/errors.ts";
import type { OutboundMessage, Sink } from "../../shared/sinks/sink.ts";

/** A sink on a real target, and what the suite has to know about the target. */
export interface SinkUnderTest {
  readonly sink: Sink;
  /** What the target holds, read back past the sink. */
  stored(): Promise<readonly { readonly id: string; readonly body: Uint8Array }[]>;
  /** Makes the target unable to store anything, so that a later write may work again. */
  breakTarget(): Promise<void>;
  /** A message that this target will never take. */
  readonly refused: OutboundMessage;
}

export function makeOutbound(changes: Partial<OutboundMessage> = {}): OutboundMessage {
  return { id: "id-1", key: "n1", headers: [["Choria-Sender", "n1"]], body: Buffer.from("hello"), ...changes };
}

/** A signal that is never aborted. */
export const never = new AbortController().signal;
setMaxListeners(0, never); // every test of a process listens to it

/** The promises every sink keeps; run for each sink on its real target. */
export function testSinkContract(name: string, setup: (t: TestContext) => Promise<SinkUnderTest>): void {
  test(`${name}: a write resolves only when the target holds the message`, async (t) => {
    const { sink, stored } = await setup(t);

    const receipt = await sink.write(makeOutbound(), never);

    assert.deepEqual(receipt, { duplicate: false });
    assert.deepEqual(
      (await stored()).map(({ id }) => id),
      ["id-1"],
    );
  });

  test(`${name}: the same id again is a duplicate, and is stored once`, async (t) => {
    const { sink, stored } = await setup(t);
    await sink.write(makeOutbound(), never);

    const receipt = await sink.write(makeOutbound(), never);

    assert.deepEqual(receipt, { duplicate: true });
    assert.equal((await stored()).length, 1);
  });

  test(`${name}: bodies arrive byte for byte`, async (t) => {
    const { sink, stored } = await setup(t);
    const bodies = [new Uint8Array(), Uint8Array.from({ length: 256 }, (_, byte) => byte), Buffer.from("\r\n\r\nMSG")];

    for (const [index, body] of bodies.entries()) await sink.write(makeOutbound({ id: `b${index}`, body }), never);

    const found = await stored();
    for (const [index, body] of bodies.entries()) {
      assert.deepEqual(Buffer.from(found.find(({ id }) => id === `b${index}`)?.body ?? []), Buffer.from(body));
    }
  });

  test(`${name}: writes may overlap, and each is answered for itself`, async (t) => {
    const { sink, stored } = await setup(t);
    const ids = Array.from({ length: 200 }, (_, index) => `c${index % 150}`);

    const receipts = await Promise.all(ids.map((id) => sink.write(makeOutbound({ id }), never)));

    assert.equal(receipts.filter(({ duplicate }) => duplicate).length, 50);
    assert.equal((await stored()).length, 150);
  });

  test(`${name}: a target that cannot store rejects with SinkUnavailableError, which is retryable`, async (t) => {
    const { sink, breakTarget } = await setup(t);
    await breakTarget();

    const error: unknown = await sink.write(makeOutbound(), never).catch((reason: unknown) => reason);

    assert.ok(error instanceof SinkUnavailableError, String(error));
    assert.equal(error.retryable, true);
    assert.equal(error.sink, sink.name);
  });

  test(`${name}: a message it will never take rejects with SinkRefusedError, which is not retryable`, async (t) => {
    const { sink, refused, stored } = await setup(t);

    const error: unknown = await sink.write(refused, never).catch((reason: unknown) => reason);

    assert.ok(error instanceof SinkRefusedError, String(error));
    assert.equal(error.retryable, false);
    assert.deepEqual(await stored(), []);
  });

  test(`${name}: an aborted signal rejects with its reason, before and during the write`, async (t) => {
    const { sink, stored } = await setup(t);
    const reason = new Error("stop");
    const controller = new AbortController();

    const during = sink.write(makeOutbound({ id: "during" }), controller.signal);
    controller.abort(reason);

    await assert.rejects(during, reason);
    await assert.rejects(sink.write(makeOutbound({ id: "after" }), controller.signal), reason);
    assert.ok((await stored()).every(({ id }) => id !== "after"));
  });

  test(`${name}: after disposal nothing is written, and disposing again is harmless`, async (t) => {
    const { sink, stored } = await setup(t);

    await sink[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();

    await assert.rejects(sink.write(makeOutbound(), never), SinkUnavailableError);
    assert.deepEqual(await stored(), []);
  });
}

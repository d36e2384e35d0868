import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nkeys } from "nats";
import { openConnection } from "../../../shared/jetstream/connect.ts";
import { newInbox } from "../../../shared/jetstream/inbox.ts";
import { maySubscribe, subscribeCore } from "../../../shared/jetstream/subscribe.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

function configAllowing(...subjects: readonly string[]): string {
  const allowed = JSON.stringify([...subjects, "_INBOX.>"]);
  return `authorization: { users: [{ user: u, password: p, permissions: { publish: ">", subscribe: ${allowed} } }] }`;
}

async function setup(t: TestContext, ...subjects: readonly string[]) {
  const nats = await startNats(t, { config: configAllowing(...subjects) });
  const credentials = { type: "userPassword", user: "u", password: "p" } as const;
  const connection = await openConnection({ name: "main", servers: [nats.url], tls: null, credentials }, "test");
  t.after(() => connection.close());
  const received: string[] = [];
  const open = (subject: string) =>
    subscribeCore(connection, { subject, queue: "bridge" }, (message) => void received.push(message.subject));
  const allow = async (...now: readonly string[]): Promise<void> => {
    await writeFile(join(nats.storeDir, "nats-server.conf"), configAllowing(...now));
    await nats.server.restart();
    await eventually(() => connection.flush());
  };
  return { nats, connection, open, received, allow };
}

test("a subscription that is refused says so, and is had when the server allows it later", async (t) => {
  const { open, received, connection, allow } = await setup(t, "b");
  const subscription = await open("a");
  assert.equal(subscription.isDenied, true);
  assert.equal(await subscription.renew(), false);

  await allow("a");
  assert.equal(await subscription.renew(), true);
  connection.publish("a");

  await eventually(() => assert.deepEqual(received, ["a"]));
});

test("a subscription that is asked for again counts as refused until the server has answered", async (t) => {
  const { open } = await setup(t, "b");
  const subscription = await open("a");

  const renewed = subscription.renew();

  assert.equal(subscription.isDenied, true);
  assert.equal(await renewed, false);
  assert.equal(subscription.isDenied, true);
});

test("a subscription that is refused only when the connection comes back says so, too", async (t) => {
  const { open, allow } = await setup(t, "a");
  const subscription = await open("a");
  assert.equal(subscription.isDenied, false);

  await allow("b");

  await eventually(() => assert.equal(subscription.isDenied, true));
  await subscription.drain();
});

test("renewing what was never refused makes no second subscription", async (t) => {
  const { open, received, connection } = await setup(t, "a");
  const subscription = await open("a");

  await subscription.renew();
  connection.publish("a");
  await connection.flush();
  await subscription.drain();

  assert.deepEqual(received, ["a"]);
});

test("asking whether one may subscribe takes no message from a queue group, and leaves nothing behind", async (t) => {
  const { open, received, connection, nats } = await setup(t, "a");
  await open("a");
  const client = await nats.connect({ user: "u", pass: "p" });

  for (let i = 0; i < 20; i += 1) {
    client.publish("a");
    assert.equal(await maySubscribe(connection, "a"), true);
  }
  await client.flush();
  const denied = await maySubscribe(connection, "b");

  assert.equal(denied, false);
  await eventually(() => assert.equal(received.length, 20));
  assert.equal(connection.stats().inMsgs < 60, true);
});

test("inboxes lie where the connection may listen, and elsewhere for others", async (t) => {
  const user = nkeys.createUser().getPublicKey();
  const users = `[{ nkey: ${user} }, { user: anybody, password: p }]`;
  const nats = await startNats(t, { config: `authorization: { users: ${users} }, no_auth_user: anybody` });
  const signed = { type: "signedToken", token: "", holder: "h", issuedAtMs: null, expiresAtMs: null } as const;
  const credentials = { ...signed, inboxPrefix: "mcollective.reply.abc", sign: () => "" };
  const settings = { name: "main", servers: [nats.url], tls: null };

  const choria = await openConnection({ ...settings, credentials }, "test");
  t.after(() => choria.close());
  const plain = await openConnection({ ...settings, credentials: { type: "none" } }, "test");
  t.after(() => plain.close());

  assert.match(newInbox(choria), /^mcollective\.reply\.abc\.\w{22}$/);
  assert.match(newInbox(plain), /^_INBOX\.\w{22}$/);
});

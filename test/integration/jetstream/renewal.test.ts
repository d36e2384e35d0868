import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Denial, openConnection, watchConnection } from "../../../shared/jetstream/connect.ts";
import { publishOnce } from "../../../shared/jetstream/publish-once.ts";
import { Pull, type PullSettings } from "../../../shared/jetstream/pull.ts";
import { onAllowed, Renewal } from "../../../shared/jetstream/renewal.ts";
import { ReplyInbox } from "../../../shared/jetstream/replies.ts";
import { subscribeCore } from "../../../shared/jetstream/subscribe.ts";
import { eventually } from "../../support/eventually.ts";
import { startReloadable } from "../../support/permissions.ts";
import { makeQueue } from "../../support/queue.ts";

/** Whoever does not log in may do everything; the user under test may subscribe as it says. */
function permitting(subscribe: string): string {
  const user = `{ user: u, password: p, permissions: { subscribe: ${subscribe} } }`;
  return `authorization: { users: [${user}, { user: other, password: p }] }, no_auth_user: other`;
}

function denying(...subjects: readonly string[]): string {
  return permitting(`{ deny: ${JSON.stringify(subjects)} }`);
}

const INBOXES = denying("_INBOX.>");
const NOTHING = denying("nothing");

async function setup(t: TestContext, config: string) {
  const nats = await startReloadable(t, config);
  const credentials = { type: "userPassword", user: "u", password: "p" } as const;
  const connection = await openConnection({ name: "main", servers: [nats.url], tls: null, credentials }, "test");
  t.after(() => connection.close());
  const denied: Denial[] = [];
  const allowed: Denial[] = [];
  const reconnects: number[] = [];
  const events = {
    onDisconnect: () => {},
    onReconnect: (downMs: number) => void reconnects.push(downMs),
    onError: (_text: string, denial: Denial | null) => void (denial !== null && denied.push(denial)),
  };
  void watchConnection(connection, events, Date.now);
  onAllowed(connection, (denial) => void allowed.push(denial));
  return { nats, connection, denied, allowed, reconnects };
}

const ALL_INBOXES: Denial = { operation: "subscription", subject: "_INBOX.>" };

async function setupReplies(t: TestContext) {
  const context = await setup(t, INBOXES);
  const inbox = new ReplyInbox(context.connection, 500, () => performance.now());
  t.after(() => inbox.close());
  const isAnswered = (): Promise<boolean> =>
    new Promise((resolve) => {
      context.connection.publish(
        inbox.expect((reply) => resolve(reply !== null)),
        "x",
      );
    });
  await eventually(() => assert.deepEqual(context.denied, [ALL_INBOXES]));
  assert.equal(await isAnswered(), false);
  return { ...context, isAnswered };
}

test("a reply inbox that was refused answers when the server allows it, without a reconnect", async (t) => {
  const { nats, isAnswered, allowed, reconnects } = await setupReplies(t);

  await nats.reload(NOTHING);

  await eventually(async () => assert.equal(await isAnswered(), true));
  await eventually(() => assert.deepEqual(allowed, [ALL_INBOXES])); // told once the server has answered, a moment later
  assert.deepEqual(reconnects, []);
});

test("a reply inbox that was refused answers when the connection is back and may listen", async (t) => {
  const { nats, isAnswered, allowed, reconnects } = await setupReplies(t);

  await nats.putConfig(NOTHING);
  await nats.server.restart();

  await eventually(async () => assert.equal(await isAnswered(), true));
  await eventually(() => assert.deepEqual(allowed, [ALL_INBOXES])); // told once the server has answered, a moment later
  assert.equal(reconnects.length, 1);
});

test("what nobody would confirm is not published, whoever publishes", async (t) => {
  const { nats, connection } = await setupReplies(t);
  const manager = await (await nats.connect({})).jetstreamManager();
  await manager.streams.add({ name: "S", subjects: ["s"] });
  const replies = new ReplyInbox(connection, 500, () => performance.now());
  t.after(() => replies.close());
  await eventually(() => assert.ok(replies.isDenied));
  const publication = { subject: "s", stream: "S", id: "1", headers: [], body: Buffer.from("x") };

  const refused = await publishOnce({ connection, replies }, publication);
  await connection.flush();

  assert.equal(refused.stored || refused.failure, "unavailable");
  assert.equal((await manager.streams.info("S")).state.messages, 0);
  await nats.change(NOTHING);
  await eventually(async () => assert.ok((await publishOnce({ connection, replies }, publication)).stored));
});

test("what was refused is asked for at once when the connection is back, not when its turn comes", async (t) => {
  const nats = await startReloadable(t, INBOXES);
  const connection = await nats.connect({ user: "u", pass: "p" });
  const inbox = new ReplyInbox(connection, 500, () => performance.now());
  t.after(() => inbox.close());
  await connection.flush();
  const [renewal, allowed] = [new Renewal(connection), [] as Denial[]];
  onAllowed(connection, (denial) => void allowed.push(denial));
  renewal.askLater(ALL_INBOXES);
  await nats.reload(NOTHING);

  renewal.askNow();
  for (let answers = 0; answers < 3; answers += 1) await connection.flush(); // its own question was answered before these

  assert.deepEqual(allowed, [ALL_INBOXES]);
});

test("what is refused later, by a server that takes permissions back, is had again as well", async (t) => {
  const { nats, connection, denied, allowed } = await setup(t, NOTHING);
  const received: string[] = [];
  await subscribeCore(connection, { subject: "a", queue: "q" }, ({ subject }) => void received.push(subject));
  await nats.reload(denying("a"));
  await eventually(() => assert.equal(denied[0]?.subject, "a"));
  await nats.reload(NOTHING);
  await eventually(() => assert.equal(allowed[0]?.subject, "a"));
  connection.publish("a");

  await eventually(() => assert.deepEqual(received, ["a"]));
});

test("what is refused for a moment does not wait for the turn of what has long been refused", async (t) => {
  const { nats, connection, denied, allowed } = await setup(t, denying("long"));
  await subscribeCore(connection, { subject: "long" }, () => {});
  await subscribeCore(connection, { subject: "short" }, () => {});
  const asked = () => nats.server.output.split("Subscription Violation").length - 1;
  await eventually(() => assert.equal(asked(), 4), { timeoutMs: 20_000 }); // the next turn is 8 s away
  const refusedAt = performance.now();

  await nats.reload(denying("long", "short"));
  await eventually(() => assert.ok(denied.some(({ subject }) => subject === "short")));
  await nats.reload(denying("long"));

  await eventually(() => assert.deepEqual(allowed, [{ operation: "subscription", subject: "short" }]));
  const deafMs = performance.now() - refusedAt;
  assert.ok(deafMs < 6_000, `${deafMs} ms`);
});

test("a refusal of a subscription without a queue leaves alone that of a queue, which the server allows", async (t) => {
  const { connection, denied } = await setup(t, permitting('{ allow: ["a q", "_INBOX.>"] }'));
  const received: string[] = [];
  const queued = await subscribeCore(connection, { subject: "a", queue: "q" }, () => void received.push("queue"));
  const plain = await subscribeCore(connection, { subject: "a" }, () => void received.push("plain"));

  await eventually(() => assert.equal(denied[0]?.subject, "a"));
  connection.publish("a");
  await connection.flush();

  assert.deepEqual([queued.isDenied, plain.isDenied], [false, true]);
  assert.deepEqual(received, ["queue"]);
});

test("a request that was refused its inbox tells when the next one would be answered", async (t) => {
  const { nats, connection, allowed } = await setup(t, INBOXES);
  await assert.rejects(connection.request("a", "", { timeout: 500 }));
  await assert.rejects(connection.request("a", "", { timeout: 500 }));

  await nats.reload(NOTHING);

  await eventually(() => assert.deepEqual(allowed, [ALL_INBOXES]));
});

async function setupPull(t: TestContext, noWait: boolean) {
  const context = await setup(t, INBOXES);
  const { put } = await makeQueue(context.nats);
  const settings: PullSettings = { stream: "JOBS", durable: "work", prefetch: () => 10, noWait };
  const [bodies, troubles, exhausted]: [string[], string[], boolean[]] = [[], [], []];
  const observer = {
    delivered: ({ data }: { readonly data: Uint8Array }) => void bodies.push(Buffer.from(data).toString()),
    exhausted: (nothing: boolean) => void exhausted.push(nothing),
    trouble: (detail: string) => void troubles.push(detail),
    returned: () => {},
  };
  await put("waiting");
  const pull = new Pull(context.connection, settings, observer, () => performance.now());
  t.after(() => pull.close());
  return { ...context, pull, bodies, troubles, exhausted };
}

for (const [what, noWait] of [
  ["a pull", false],
  ["a drain's pull", true],
] as const) {
  test(`${what} whose inbox was refused says so, takes the queue for no empty one, and pulls when it may`, async (t) => {
    const { nats, pull, bodies, troubles, exhausted } = await setupPull(t, noWait);
    await eventually(() => assert.match(troubles[0] ?? "", /does not let the connection listen/));
    assert.notEqual(pull.trouble, null);

    await nats.change(NOTHING);

    await eventually(() => assert.deepEqual(bodies, ["waiting"]));
    assert.equal(pull.trouble, null);
    assert.equal(exhausted.includes(true), false);
    assert.equal(troubles.length, 1);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { grantFor, type RefusedSubject } from "../../../shared/choria/broker-grants.ts";

const CASES: readonly (readonly [RefusedSubject["operation"], string, RegExp])[] = [
  [
    "subscription",
    "mcollective.broadcast.agent.registration",
    /--subscribe 'mcollective.broadcast.agent.registration'$/,
  ],
  ["subscription", "choria.lifecycle.event.>", /--event-viewer$/],
  ["subscription", "choria.machine.transition", /--event-viewer$/],
  ["subscription", "choria.machine.>", /--subscribe 'choria.machine.>'$/],
  ["subscription", "mcollective.reply.ingest.>", /--subscribe 'mcollective.reply.ingest.>'$/],
  ["subscription", "_INBOX.0QJQH6WL3CUJ57OXTDU4FA.*", /check the token's caller/],
  ["subscription", "mcollective.reply.4d40cd838179945cad1e6c91e842ec0c.X.*", /check the token's caller/],
  ["subscription", "$SYS.ACCOUNT.>", /--system/],
  ["subscription", "$JS.EVENT.ADVISORY.>", /--stream-admin$/],
  ["publish", "$JS.API.INFO", /--stream-user$/],
  ["publish", "$JS.API.STREAM.CREATE.X", /--stream-admin$/],
  ["publish", "$JS.API.CONSUMER.MSG.NEXT.X.y", /--stream-user$/],
  ["publish", "choria.reg.node1", /--publish 'choria.reg.node1'$/],
];

test("a refused subject names the flag of the client token that grants it", () => {
  for (const [operation, subject, expected] of CASES) assert.match(grantFor({ operation, subject }), expected, subject);
});

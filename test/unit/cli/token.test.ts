import assert from "node:assert/strict";
import { test } from "node:test";
import { excessLines } from "../../../functions/cli/doctor/token.ts";
import { makeClientToken } from "../../support/choria-token.ts";

function textsFor(permissions: Readonly<Record<string, boolean>>): readonly string[] {
  const { token } = makeClientToken({ permissions });
  return excessLines("connection broker", token).map(({ level, text, todo }) => `${level} ${text} -> ${todo}`);
}

test("a token that may no more than receive and use streams is fine", () => {
  const permissions = { events_viewer: true, streams_admin: true, streams_user: true, service: true };

  assert.deepEqual(textsFor({ ...permissions, fleet_management: false }), []);
});

test("each permission that a bridge has no use for is to look at, with the flag that grants it", () => {
  // Names of claims: choria-io/tokens client_id.go.
  for (const [permission, flag] of [
    ["fleet_management", "--no-fleet-management"],
    ["signed_fleet_management", "--signed-fleet-management"],
    ["org_admin", "--org-admin"],
    ["system_user", "--system"],
    ["authentication_delegator", "--auth-delegation"],
    ["provisioner", "--server-provisioner"],
  ] as const) {
    const [line = "", ...more] = textsFor({ [permission]: true });

    assert.deepEqual(more, []);
    assert.ok(line.startsWith(`warn the token has ${permission},`) && line.includes(flag), line);
  }
});

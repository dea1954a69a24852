// A restart in between changes nothing: what is known is stored, and sessions are sealed, not kept.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Session, call, list, modern } from "../lib/mcp.mjs";
import { world } from "../lib/world.mjs";

const { gateway, key } = world;
const url = gateway.up.mcp_url;

test("a restart in between changes nothing", { skip: !gateway.canRestart }, async () => {
  const { secret, id } = await gateway.demo.key(["fast__add"]);
  const revoked = await gateway.demo.key();
  await gateway.demo.deleteKey(revoked.id);
  const before = await list(url, key);
  const session = await Session.open(url, key);

  await gateway.restart();

  assert.deepEqual((await list(url, key)).tools, before.tools);
  const answer = await session.request("tools/call", { name: "fast__add", arguments: { a: 40, b: 2 } });
  assert.equal(answer.message.result.content[0].text, "42");
  assert.deepEqual((await list(url, secret)).names, ["fast__add"]);
  assert.equal((await call(url, secret, "fast__add", { a: 1, b: 1 })).message.result.content[0].text, "2");
  assert.equal((await modern(url, revoked.secret, "tools/list")).status, 401);
  assert.equal((await gateway.manage("GET", `${gateway.demo.path}/keys/${id}`)).id, id);
});

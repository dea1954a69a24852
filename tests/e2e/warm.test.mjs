// A warm call asks the store nothing: each answer says how often its request did.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { modernServer, text, tool } from "../upstreams/scripted.mjs";

const { gateway, scripted } = world;

test("a warm call from a modern client to a modern server asks the store nothing", async () => {
  const tenant = await gateway.tenant("warm");
  const serve = modernServer({ tools: [tool("t")], ttlMs: 3_600_000, call: () => text("t") });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
  const { secret } = await tenant.key();
  const asked = async (key = secret) => {
    const { headers, message } = await call(tenant.mcp, key, "s__t");
    assert.equal(message.result.content[0].text, "t");
    assert.match(headers["toolgate-store-operations"], /^\d+$/);
    return Number(headers["toolgate-store-operations"]);
  };
  assert.ok((await asked()) > 0, "the first call has to ask");
  // Several in a row: several instances have to become warm, and now and then one makes sure that nothing has changed.
  await until("ten warm calls in a row ask nothing", 60, async () => {
    for (let n = 0; n < 10; n++) if ((await asked()) > 0) return false;
    return true;
  });
  // Nothing asked is not nothing counted: a key that no instance has seen is looked up.
  assert.ok((await asked((await tenant.key()).secret)) > 0, "what has to be asked is still counted");
});

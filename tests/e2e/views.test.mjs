// Views: what a bundle shows, under which names, and that it never shows more than the key allows.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { call, list, modern } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { modernServer, text, tool } from "../upstreams/scripted.mjs";

const { gateway, scripted } = world;

const echo = ({ name, args }) => text(`${name} ${JSON.stringify(args)}`);

describe("views", () => {
  let tenant, all;
  const view = (id, body) => gateway.manage("PUT", `${tenant.path}/views/${id}`, body);
  const at = (id) => `${tenant.mcp}/${id}`;

  before(async () => {
    tenant = await gateway.tenant("views");
    const search = JSON.stringify({
      name: "search",
      inputSchema: {
        type: "object",
        properties: { query: { type: "string" }, owner: { type: "string" }, limit: { type: "integer" } },
        required: ["query", "owner"],
      },
    });
    for (const [id, tools] of Object.entries({ one: [search, tool("read")], two: [tool("search"), tool("write")] })) {
      await tenant.server(id, scripted.add(`${tenant.id}/${id}`, modernServer({ call: echo, tools })));
    }
    all = (await tenant.key()).secret;
  });

  test("a view shows what it names and nothing else", async () => {
    await view("some", { servers: { one: { tools: ["read"] } } });
    assert.deepEqual((await list(at("some"), all)).names, ["one__read"]);
    assert.equal((await call(at("some"), all, "one__read")).message.result.content[0].text, "read {}");
    for (const hidden of ["one__search", "two__write", "read"]) {
      assert.equal((await call(at("some"), all, hidden)).message.error.code, -32602, hidden);
    }
  });

  test("a view can only narrow what the key allows", async () => {
    await view("wide", { servers: { one: {}, two: {} } });
    const { secret } = await tenant.key(["two__write"]);
    assert.deepEqual((await list(at("wide"), secret)).names, ["two__write"]);
    assert.equal((await call(at("wide"), secret, "one__read")).message.error.code, -32602);
    const { secret: stranger } = await tenant.key(["three__*"]);
    assert.equal((await modern(at("wide"), stranger, "tools/list")).status, 404, "who may use nothing of it does not know of it");
  });

  test("the prefix is there always, on collision, or never", async () => {
    await view("always", { servers: { one: {}, two: {} } });
    await view("collision", { prefix: "collision", servers: { one: {}, two: {} } });
    await view("never", { prefix: "never", servers: { one: {}, two: {} } });
    assert.deepEqual((await list(at("always"), all)).names, ["one__read", "one__search", "two__search", "two__write"]);
    assert.deepEqual((await list(at("collision"), all)).names, ["one__search", "read", "two__search", "write"]);
    assert.deepEqual((await list(at("never"), all)).names, ["read", "write"]);
    const { message } = await call(at("never"), all, "search");
    assert.match(message.error.message, /ambiguous.*one and two/);
    assert.equal((await call(at("collision"), all, "two__search")).message.result.content[0].text, "search {}");
  });

  test("a renamed tool is called by its new name, a hidden argument is refused, a pinned one is given", async () => {
    const one = {
      tools: ["search"],
      rename: { search: "find" },
      arguments: { search: { owner: { pinned: "acme" }, limit: "hidden" } },
    };
    await view("bent", { prefix: "never", servers: { one } });
    const { tools } = await list(at("bent"), all);
    assert.deepEqual(tools.map(({ name }) => name), ["find"]);
    assert.deepEqual(Object.keys(tools[0].inputSchema.properties), ["query"]);
    assert.deepEqual(tools[0].inputSchema.required, ["query"]);
    const found = await call(at("bent"), all, "find", { query: "x" });
    const [, args] = /^search (.*)$/.exec(found.message.result.content[0].text);
    assert.deepEqual(JSON.parse(args), { query: "x", owner: "acme" });
    const forced = await call(at("bent"), all, "find", { query: "x", owner: "evil" });
    assert.match(forced.message.result.content[0].text, /"owner":"acme"/, "a pinned argument is what the view says");
    assert.equal((await call(at("bent"), all, "find", { query: "x", limit: 1 })).message.error.code, -32602);
    assert.equal((await call(at("bent"), all, "search", { query: "x" })).message.error.code, -32602);
  });

  test("a disabled or deleted view is not there, and a server's id is not for a view", async () => {
    await view("going", { servers: { one: {} } });
    assert.equal((await modern(at("going"), all, "tools/list")).status, 200);
    await gateway.manage("PATCH", `${tenant.path}/views/going`, { enabled: false });
    await until("the disabled view is gone", 30, async () => (await modern(at("going"), all, "tools/list")).status === 404);
    await gateway.manage("DELETE", `${tenant.path}/views/going`);
    assert.equal((await gateway.admin("GET", `${tenant.path}/views/going`)).status, 404);
    assert.equal((await gateway.admin("PUT", `${tenant.path}/views/one`, { servers: {} })).status, 409);
  });
});

// Real servers behind the gateway: what each offers, byte for byte as it says it when it is asked directly.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { Session, modern } from "../lib/mcp.mjs";
import { KINDS, all, said, sorted } from "../lib/offers.mjs";
import { rawAt } from "../lib/raw_json.mjs";
import { world } from "../lib/world.mjs";
import { startReal } from "../upstreams/real.mjs";

const { gateway, peers } = world;

describe("real servers", () => {
  let tenant, key, real;

  before(async () => {
    real = { ...peers.urls, ...(await startReal()) };
    tenant = await gateway.tenant("real");
    for (const [id, url] of Object.entries(real)) await tenant.server(id, url);
    ({ secret: key } = await tenant.key());
  });

  after(() => gateway.manage("DELETE", tenant.path));

  /** Asks a server directly, in the era that the gateway speaks with it: one that has both spells its lists in two ways. */
  async function asker(name) {
    if (name === "fast") return (method, params) => modern(real.fast, undefined, method, params);
    const session = await Session.open(real[name]);
    return (method, params) => session.request(method, params);
  }

  const names = ["everything", "files", "memory", "fast", "thinking", "context7", "notion", "playwright", "time", "git", "fetch"];
  for (const name of names) {
    test(`${name} offers through the gateway what it offers directly, to both eras`, async () => {
      const direct = await asker(name);
      const through = await Session.open(`${tenant.mcp}/${name}`, key);
      for (const method of Object.keys(KINDS)) {
        const own = sorted(await all(direct, method));
        const legacy = sorted(await all((method, params) => through.request(method, params), method));
        assert.deepEqual(legacy, own, `${method}, to a legacy client`);
        const ask = (method, params) => modern(`${tenant.mcp}/${name}`, key, method, params);
        assert.deepEqual(sorted(await all(ask, method)), own, `${method}, to a modern client`);
        if (method === "tools/list") assert.ok(own.length > 0);
      }
    });
  }

  test("a server of the first transport offers the same, too", async () => {
    const direct = new Client({ name: "suite", version: "1" });
    await direct.connect(new SSEClientTransport(new URL(real.first)));
    const through = new Client({ name: "suite", version: "1" });
    const requestInit = { headers: { authorization: `Bearer ${key}` } };
    await through.connect(new StreamableHTTPClientTransport(new URL(`${tenant.mcp}/first`), { requestInit }));
    const byName = (a, b) => (a.name < b.name ? -1 : 1);
    const tools = async (client) => (await client.listTools()).tools.sort(byName);
    assert.deepEqual(await tools(through), await tools(direct));
    const call = { name: "echo", arguments: { message: "first" } };
    assert.deepEqual((await through.callTool(call)).content, (await direct.callTool(call)).content);
    await Promise.all([direct.close(), through.close()]);
  });

  test("their resources and prompts answer as they do directly", async () => {
    const direct = await Session.open(real.everything);
    const ask = (method, params) => modern(`${tenant.mcp}/everything`, key, method, params);
    const [uri] = (await all((method, params) => direct.request(method, params), "resources/list")).keys();
    const own = rawAt(said(await direct.request("resources/read", { uri })), "result", "contents");
    assert.equal(rawAt(said(await ask("resources/read", { uri })), "result", "contents"), own);
    const prompt = { name: "simple-prompt" };
    const messages = rawAt(said(await direct.request("prompts/get", prompt)), "result", "messages");
    assert.ok(messages, "the server has this prompt");
    assert.equal(rawAt(said(await ask("prompts/get", prompt)), "result", "messages"), messages);
  });
});

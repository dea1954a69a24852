// Many servers as one: names, order, bytes, pages, and what is said when one is down.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Session, call, list, modern } from "../lib/mcp.mjs";
import { freePort } from "../lib/process.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { Scripted, modernServer, text, tool } from "../upstreams/scripted.mjs";

const { gateway, key, peers, scripted } = world;

const echo = ({ name, args }) => text(`${name} ${JSON.stringify(args)}`);

/** A tenant with scripted servers: `{id: modernServer's options}`. */
async function tenantWith(name, servers, more = {}) {
  const tenant = await gateway.tenant(name);
  for (const [id, options] of Object.entries(servers)) {
    await tenant.server(id, scripted.add(`${tenant.id}/${id}`, modernServer({ call: echo, ...options })), more[id]);
  }
  const { secret } = await tenant.key();
  return { tenant, secret };
}

describe("the aggregate", () => {
  test("one list names each tool after its server, in an order that stays", async () => {
    const first = await list(gateway.up.mcp_url, key);
    const again = await list(gateway.up.mcp_url, key);
    assert.equal(first.partial, undefined);
    for (const server of Object.keys(peers.urls)) assert.ok(first.names.some((name) => name.startsWith(`${server}__`)), server);
    assert.deepEqual(first.pages.map((page) => page.text), again.pages.map((page) => page.text));
  });

  test("one server alone keeps its original names", async () => {
    const { names } = await list(`${gateway.up.mcp_url}/fast`, key);
    assert.deepEqual(names.sort(), ["add", "stepwise"]);
    const { message } = await call(`${gateway.up.mcp_url}/fast`, key, "add", { a: 1, b: 2 });
    assert.equal(message.result.content[0].text, "3");
  });

  test("a server that isn't there is like one without a grant", async () => {
    const { status, text: body } = await modern(`${gateway.up.mcp_url}/nothere`, key, "tools/list");
    assert.equal(status, 404, body);
  });

  test("every field of a tool passes byte for byte", async () => {
    const plain =
      '{ "zeta":1.0,"name":"odd","title":"T\\u00e4st \\/","inputSchema":{"type":"object","b":1e3,"a":[1.50,-0,1E+2]},' +
      '"outputSchema":{"type":"object","$defs":{"x":{}}},"icons":[{"src":"https://x.test/i.png"}],' +
      '"annotations":{"readOnlyHint":true,"vendorHint":null},"execution":{"taskSupport":"optional"},"x-vendor":12345678901234567890,"_meta":{"k":{"deep":[]}}}';
    const { tenant, secret } = await tenantWith("bytes", { s: { tools: [plain] } });
    const alone = await modern(`${tenant.mcp}/s`, secret, "tools/list");
    assert.ok(alone.text.includes(plain), alone.text);
    const together = await modern(tenant.mcp, secret, "tools/list");
    assert.ok(together.text.includes(plain.replace('"name":"odd"', '"name":"s__odd"')), together.text);
  });

  test("every field and content type of a result passes byte for byte", async () => {
    const result =
      '{"resultType":"complete","content":[{"type":"text","text":"\\u2028"},{"type":"image","data":"AA==","mimeType":"image/png"},' +
      '{"type":"audio","data":"AA==","mimeType":"audio/wav"},{"type":"resource_link","uri":"x://y","name":"n"},' +
      '{"type":"resource","resource":{"uri":"x://z","blob":"AA=="}},{"type":"vendor/new","n":1.0}],"structuredContent":{"b":1e0,"a":[10.0]},"isError":false,"x":null}';
    const { tenant, secret } = await tenantWith("results", { s: { tools: [tool("t")], call: () => result } });
    const answer = await call(tenant.mcp, secret, "s__t");
    assert.ok(answer.text.includes(result.slice(1, -1)), answer.text);
  });

  test("arguments arrive upstream byte for byte, under the tool's own name", async () => {
    const seen = [];
    const bodies = [];
    const tenant = await gateway.tenant("args");
    const serve = modernServer({ tools: [tool("t")], call: echo, seen });
    const url = scripted.add(`${tenant.id}/s`, (exchange) => (bodies.push(exchange.message), serve(exchange)));
    await tenant.server("s", url);
    const { secret } = await tenant.key();
    await call(tenant.mcp, secret, "s__t", { z: 1.5, a: { "é": ["\u2028"] } }, { meta: { progressToken: "p", "x.test/own": 1 } });
    const sent = seen.find(({ message }) => message.method === "tools/call");
    assert.equal(sent.message.params.name, "t");
    assert.equal(JSON.stringify(sent.message.params.arguments), JSON.stringify({ z: 1.5, a: { "é": ["\u2028"] } }));
    assert.equal(sent.message.params._meta["x.test/own"], 1);
    assert.equal(sent.headers["mcp-name"], "t");
    assert.equal(sent.headers["mcp-method"], "tools/call");
    assert.equal(sent.headers.authorization, undefined, "the virtual key stays in the gateway");
  });

  test("real results are the same through the gateway and asked directly", async () => {
    const direct = await Session.open(peers.urls.everything);
    const through = await Session.open(`${gateway.up.mcp_url}/everything`, key);
    for (const [name, args] of [
      ["get-tiny-image", {}],
      ["get-structured-content", { location: "New York" }],
      ["get-annotated-message", { messageType: "error", includeImage: true }],
      ["get-resource-links", { count: 3 }],
    ]) {
      const [one, other] = [await direct.request("tools/call", { name, arguments: args }), await through.request("tools/call", { name, arguments: args })];
      assert.deepEqual(other.message.result.content, one.message.result.content, name);
      assert.deepEqual(other.message.result.structuredContent, one.message.result.structuredContent, name);
    }
  });

  test("all pages of an upstream's list are followed", async () => {
    const pages = [1, 2, 3].map((page) => [tool(`a${page}`), tool(`b${page}`)]);
    const { tenant, secret } = await tenantWith("pages", { s: { pages } });
    const { names } = await list(tenant.mcp, secret);
    assert.deepEqual(names.toSorted(), ["a1", "a2", "a3", "b1", "b2", "b3"].map((name) => `s__${name}`));
  });

  test("a list longer than a page is offered in pages, each tool once", async () => {
    const tools = Array.from({ length: 2300 }, (_, index) => tool(`t${index}`));
    const { tenant, secret } = await tenantWith("long", { s: { tools } });
    const { names, pages } = await list(tenant.mcp, secret);
    assert.equal(new Set(names).size, 2300);
    assert.equal(names.length, 2300);
    assert.ok(pages.length > 1);
    const bad = await modern(tenant.mcp, secret, "tools/list", { cursor: "made up" });
    assert.equal(bad.status, 200);
    assert.equal(bad.message.error.code, -32602);
  });

  test("twenty servers list as well as three", async () => {
    const servers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`s${index}`, { tools: [tool("one"), tool("two")] }]));
    const { tenant, secret } = await tenantWith("twenty", servers);
    const { names, partial } = await list(tenant.mcp, secret);
    assert.equal(partial, undefined);
    assert.equal(names.length, 40);
    const last = await call(tenant.mcp, secret, "s19__two", { x: 1 });
    assert.equal(last.message.result.content[0].text, 'two {"x":1}');
  });

  test("an alias renames a tool for clients", async () => {
    const { tenant, secret } = await tenantWith("alias", { s: { tools: [tool("create_issue"), tool("other")] } }, { s: { aliases: { create_issue: "new" } } });
    const { names } = await list(tenant.mcp, secret);
    assert.deepEqual(names.sort(), ["s__new", "s__other"]);
    const answer = await call(tenant.mcp, secret, "s__new");
    assert.match(answer.message.result.content[0].text, /^create_issue/);
    const gone = await call(tenant.mcp, secret, "s__create_issue");
    assert.equal(gone.message.error.code, -32602);
  });

  test("a name that would be too long is shortened by a stable rule, and still callable", async () => {
    const long = "a_tool_with_a_name_of_".padEnd(100, "x");
    const { tenant, secret } = await tenantWith("names", { "a-server-with-a-long-name": { tools: [tool(`${long}1`), tool(`${long}2`)] } });
    const { names } = await list(tenant.mcp, secret);
    assert.equal(new Set(names).size, 2);
    for (const name of names) {
      assert.ok(name.length <= 64, name);
      assert.match(name, /^a-server-with-a-long-name__/);
    }
    const answers = await Promise.all(names.map((name) => call(tenant.mcp, secret, name)));
    const called = answers.map((answer) => answer.message.result.content[0].text.split(" ")[0]);
    assert.deepEqual(called.sort(), [`${long}1`, `${long}2`]);
    assert.deepEqual((await list(tenant.mcp, secret)).names, names);
  });

  test("a server that is down leaves a partial list that says so, and the others work", async () => {
    const { tenant, secret } = await tenantWith("partial", { up: { tools: [tool("t")] } });
    await tenant.server("down", `http://127.0.0.1:${await freePort()}/mcp`);
    const { names, partial } = await list(tenant.mcp, secret);
    assert.deepEqual(names, ["up__t"]);
    assert.deepEqual(partial.unavailable.map(({ server }) => server), ["down"]);
    assert.ok(partial.unavailable[0].step && partial.unavailable[0].message, JSON.stringify(partial));
    const answer = await call(tenant.mcp, secret, "up__t");
    assert.match(answer.message.result.content[0].text, /^t /);
  });

  test("a server added, changed or removed shows in the list within seconds", async () => {
    const { tenant, secret } = await tenantWith("changes", { a: { tools: [tool("t")] } });
    assert.deepEqual((await list(tenant.mcp, secret)).names, ["a__t"]);
    await tenant.server("b", scripted.add(`${tenant.id}/b`, modernServer({ tools: [tool("u")], call: echo })));
    await until("the new server's tool is listed", 15, async () => (await list(tenant.mcp, secret)).names.includes("b__u"));
    await gateway.manage("DELETE", `${tenant.path}/servers/a`);
    await until("the removed server's tool is not listed", 15, async () => !(await list(tenant.mcp, secret)).names.includes("a__t"));
  });

  test("a call to a server that went down says which server and step", async () => {
    const own = await Scripted.start();
    const tenant = await gateway.tenant("down");
    await tenant.server("s", own.add("s", modernServer({ tools: [tool("t")], call: echo })));
    const { secret } = await tenant.key();
    assert.ok((await call(tenant.mcp, secret, "s__t")).message.result);
    await own.close();
    const { status, message } = await call(tenant.mcp, secret, "s__t");
    assert.equal(status, 200);
    assert.equal(message.error.code, -31502);
    assert.equal(message.error.data.server, "s");
    assert.ok(message.error.data.step && message.error.data.kind);
  });

  test("a secret header of a server is sent to it and shown to nobody", async () => {
    const seen = [];
    const tenant = await gateway.tenant("header");
    await tenant.server("s", scripted.add(`${tenant.id}/s`, modernServer({ tools: [tool("t")], call: echo, seen })), { headers: { "x-api-key": "upstream-secret-1" } });
    const { secret } = await tenant.key();
    await call(tenant.mcp, secret, "s__t");
    assert.ok(seen.length > 0 && seen.every(({ headers }) => headers["x-api-key"] === "upstream-secret-1"));
    const shown = await gateway.admin("GET", `${tenant.path}/servers/s`);
    assert.equal(shown.status, 200);
    assert.ok(!shown.text.includes("upstream-secret-1"), shown.text);
  });
});

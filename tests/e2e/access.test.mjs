// Who may do what: tenants, keys, grants, hosts and origins.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { DOMAIN } from "../lib/gateway.mjs";
import { send } from "../lib/http.mjs";
import { call, list, modern, modernRequest, raw } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { modernServer, text, tool } from "../upstreams/scripted.mjs";

const { gateway, key, scripted } = world;

/** The bound on how long a changed key goes on as before, and some patience. */
const STALENESS_S = 10 + 5;

let tenant;

before(async () => {
  tenant = await gateway.tenant("access");
  for (const id of ["one", "two"]) {
    await tenant.server(id, scripted.add(`${tenant.id}/${id}`, modernServer({ tools: [tool("a"), tool("b")], call: ({ name }) => text(name) })));
  }
});

const names = async (secret, url = tenant.mcp) => (await list(url, secret)).names;
const status = async (secret, url = tenant.mcp) => (await modern(url, secret, "tools/list")).status;
const refused = (secret) => until("the key is refused", STALENESS_S, async () => (await status(secret)) === 401);

// Side by side: most of them wait for the bound.
describe("keys", { concurrency: true }, () => {
  test("a key is shown once, with a prefix to be recognised by", async () => {
    const created = await tenant.key();
    assert.match(created.secret, /^tgk_/);
    const shown = await gateway.admin("GET", `${tenant.path}/keys/${created.id}`);
    assert.equal(shown.status, 200);
    assert.equal(shown.json.id, created.id);
    assert.ok(!shown.text.includes(created.secret) && !shown.text.includes("hash"), shown.text);
  });

  test("a key works as a bearer token and as x-api-key", async () => {
    const { secret } = await tenant.key();
    assert.equal(await status(secret), 200);
    const other = await modern(tenant.mcp, undefined, "tools/list", {}, { headers: { "x-api-key": secret } });
    assert.equal(other.status, 200);
  });

  for (const [what, headers] of [
    ["no key", {}],
    ["an unknown key", { authorization: `Bearer tgk_${"0".repeat(16)}_${"A".repeat(43)}` }],
    ["something else", { authorization: "Bearer nonsense" }],
    ["another scheme", { authorization: "Basic dXNlcjpwYXNz" }],
    ["an empty key", { "x-api-key": "" }],
  ]) {
    test(`${what} is refused with a challenge`, async () => {
      const answer = await modern(tenant.mcp, undefined, "tools/list", {}, { headers });
      assert.equal(answer.status, 401, answer.text);
      assert.match(answer.headers["www-authenticate"], /^Bearer/);
    });
  }

  test("the right id with a wrong secret is refused", async () => {
    const { secret } = await tenant.key();
    const wrong = secret.slice(0, -1) + (secret.endsWith("A") ? "B" : "A");
    assert.equal(await status(wrong), 401);
  });

  test("a key of one tenant is nothing to another, and a tenant that isn't there answers alike", async () => {
    const other = await gateway.tenant("other");
    const { secret } = await tenant.key();
    const wrong = await modern(other.mcp, secret, "tools/list");
    const nowhere = await modern(`${gateway.up.base_url}/t/nobody-here/mcp`, secret, "tools/list");
    assert.equal(wrong.status, 401);
    assert.equal(nowhere.status, 401);
    assert.equal(wrong.text, nowhere.text);
  });

  test("a disabled key is refused within the bound, and works again when enabled", async () => {
    const { id, secret } = await tenant.key();
    assert.equal(await status(secret), 200);
    await tenant.changeKey(id, { enabled: false });
    await refused(secret);
    await tenant.changeKey(id, { enabled: true });
    await until("the key works again", STALENESS_S, async () => (await status(secret)) === 200);
  });

  test("a deleted key is refused within the bound", async () => {
    const { id, secret } = await tenant.key();
    assert.equal(await status(secret), 200);
    await tenant.deleteKey(id);
    await refused(secret);
    assert.equal((await gateway.admin("GET", `${tenant.path}/keys/${id}`)).status, 404);
  });

  test("an expired key is refused at its time", async () => {
    const past = await gateway.admin("POST", `${tenant.path}/keys`, { name: "late", grants: ["*"], expires_at: "2020-01-01T00:00:00Z" });
    if (past.status === 201) assert.equal(await status(past.json.secret), 401);
    else assert.equal(past.status, 400, past.text);
    const { secret } = await tenant.key(["*"], { expires_at: new Date(Date.now() + 3000).toISOString() });
    assert.equal(await status(secret), 200);
    await refused(secret);
  });

  test("a disabled tenant lets no key in", async () => {
    const own = await gateway.tenant("closed");
    const { secret } = await own.key();
    assert.equal((await modern(own.mcp, secret, "tools/list")).status, 200);
    await gateway.manage("PUT", own.path, { enabled: false });
    await until("the tenant is closed", STALENESS_S, async () => (await modern(own.mcp, secret, "tools/list")).status === 401);
  });
});

describe("grants", { concurrency: true }, () => {
  const cases = [
    [["*"], ["one__a", "one__b", "two__a", "two__b"]],
    [["one__*"], ["one__a", "one__b"]],
    [["one__a", "two__b"], ["one__a", "two__b"]],
    [[], []],
  ];
  for (const [grants, visible] of cases) {
    test(`${JSON.stringify(grants)} shows ${visible.length} tools, and those alone can be called`, async () => {
      const { secret } = await tenant.key(grants);
      assert.deepEqual((await names(secret)).toSorted(), visible);
      for (const name of ["one__a", "one__b", "two__a", "two__b"]) {
        const { message } = await call(tenant.mcp, secret, name);
        assert.equal(message.result !== undefined, visible.includes(name), name);
      }
    });
  }

  test("a tool without a grant is called exactly like one that doesn't exist", async () => {
    const { secret } = await tenant.key(["one__a"]);
    const hidden = await call(tenant.mcp, secret, "two__b");
    const absent = await call(tenant.mcp, secret, "two__c");
    assert.equal(hidden.status, 200);
    assert.equal(hidden.message.error.code, -32602);
    assert.equal(hidden.text, absent.text.replaceAll("two__c", "two__b"));
    assert.deepEqual([hidden.status, Object.keys(hidden.headers)], [absent.status, Object.keys(absent.headers)]);
  });

  test("a server without a grant is like one that doesn't exist", async () => {
    const { secret } = await tenant.key(["one__a"]);
    assert.deepEqual(await names(secret, `${tenant.mcp}/one`), ["a"]);
    const hidden = await modern(`${tenant.mcp}/two`, secret, "tools/list");
    const absent = await modern(`${tenant.mcp}/six`, secret, "tools/list");
    assert.equal(hidden.status, absent.status);
    assert.equal(hidden.text, absent.text.replaceAll("six", "two"));
  });

  test("a narrowed key loses tools from list and call within the bound", async () => {
    const { id, secret } = await tenant.key();
    assert.equal((await names(secret)).length, 4);
    await tenant.changeKey(id, { grants: ["two__a"] });
    await until("the key sees less", STALENESS_S, async () => (await names(secret)).length === 1);
    // Each instance learns it in its own time.
    await until("and can call less", STALENESS_S, async () => (await call(tenant.mcp, secret, "one__a")).message.error?.code === -32602);
    assert.ok((await call(tenant.mcp, secret, "two__a")).message.result);
  });
});

describe("hosts and origins", () => {
  const port = new URL(gateway.up.base_url).port;

  test("a host that is not allowed is refused", async () => {
    for (const host of ["evil.example", `127.0.0.1.evil.example:${port}`]) {
      const answer = await modern(gateway.up.mcp_url, key, "tools/list", {}, { headers: { host } });
      assert.equal(answer.status, 403, `${host}: ${answer.text}`);
    }
  });

  test("an origin that is not allowed is refused, one that is allowed is not", async () => {
    for (const [origin, expected] of [
      ["https://evil.example", 403],
      ["null", 403],
      [`http://127.0.0.1:${port}`, 200],
    ]) {
      const answer = await modern(gateway.up.mcp_url, key, "tools/list", {}, { headers: { origin } });
      assert.equal(answer.status, expected, `${origin}: ${answer.text}`);
    }
  });

  test("the admin API has the same door", async () => {
    const answer = await gateway.admin("GET", "/tenants", undefined, { headers: { host: "evil.example" } });
    assert.equal(answer.status, 403);
  });

  test("a tenant's own host is its tenant", async () => {
    const { secret } = await tenant.key();
    const at = (host) => send(`${gateway.up.base_url}/mcp`, modernRequest(secret, "tools/list", {}, { headers: { host } }));
    const right = await at(`${tenant.id}.${DOMAIN}`);
    assert.equal(right.status, 200, right.text);
    assert.ok(right.text.includes("one__a"));
    assert.equal((await at(`${gateway.up.tenant}.${DOMAIN}`)).status, 401);
  });
});

test("GET and DELETE without a session are not allowed", async () => {
  const { secret } = await tenant.key();
  for (const method of ["GET", "DELETE", "PUT"]) {
    const answer = await send(tenant.mcp, { method, headers: { authorization: `Bearer ${secret}`, accept: "text/event-stream" } });
    assert.equal(answer.status, 405, method);
  }
});

test("a path that isn't there is 404 for anybody", async () => {
  assert.equal((await send(`${gateway.up.base_url}/nothing`)).status, 404);
  assert.equal((await raw(`${gateway.up.base_url}/t/${tenant.id}`, key, {})).status, 404);
});

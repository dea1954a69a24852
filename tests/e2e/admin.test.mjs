// The admin API: who may use it, what it refuses and how it says so, pages, and its own description.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { send } from "../lib/http.mjs";
import { modern } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";

const { gateway } = world;

/** The bound on how long a changed key goes on as before, and some patience. */
const STALENESS_S = 10 + 5;

let tenant;
before(async () => {
  tenant = await gateway.tenant("admin");
});

/** RFC 9457. */
function assertProblem(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers["content-type"], /^application\/problem\+json/);
  assert.equal(answer.json.status, status);
  assert.ok(answer.json.title, answer.text);
}

describe("the operator's token", () => {
  for (const token of [null, "", "wrong", "x".repeat(24)]) {
    test(`${JSON.stringify(token)} is refused`, async () => assertProblem(await gateway.admin("GET", "/tenants", undefined, { token }), 401));
  }

  test("a tenant's key is refused", async () => assertProblem(await gateway.admin("GET", "/tenants", undefined, { token: gateway.up.key }), 401));
});

describe("what is refused", () => {
  const server = () => `${tenant.path}/servers/s`;
  const keys = () => `${tenant.path}/keys`;
  const good = { url: "https://mcp.example.com/mcp" };

  for (const [what, method, path, body, status] of [
    ["an unknown field of a tenant", "PUT", () => tenant.path, { display_nam: "x" }, 400],
    ["an unknown field of a server", "PUT", server, { ...good, colour: "red" }, 400],
    ["an unknown field of a key", "POST", keys, { name: "k", grants: [], admin: true }, 400],
    ["a field of another type", "POST", keys, { name: "k", grants: "*" }, 400],
    ["a missing field", "POST", keys, { grants: [] }, 400],
    ["a grant that is none", "POST", keys, { name: "k", grants: ["a*b"] }, 400],
    ["a URL that is none", "PUT", server, { url: "nonsense" }, 400],
    ["a URL of another scheme", "PUT", server, { url: "file:///etc/passwd" }, 400],
    ["http to the public", "PUT", server, { url: "http://mcp.example.com/mcp" }, 400],
    ["a private address for a public server", "PUT", server, { url: "https://10.0.0.1/mcp" }, 400],
    ["an era that is none", "PUT", server, { ...good, era: "antique" }, 400],
    ["malformed JSON", "POST", keys, "{", 400],
    ["a limit below nothing", "PUT", () => `${tenant.path}/limits/l`, { scope: {}, kind: "budget", unit: "calls", amount: -1 }, 400],
    ["an absurd limit", "PUT", () => `${tenant.path}/limits/l`, { scope: {}, kind: "budget", unit: "calls", amount: 1e300 }, 400],
    ["a scope that is none", "PUT", () => `${tenant.path}/limits/l`, { scope: { planet: "mars" }, kind: "budget", unit: "calls", amount: 1 }, 400],
    ["a rule that is of no type", "PUT", () => `${tenant.path}/policy`, { rules: [{ name: "a", effect: "allow", when: "1 + 1" }] }, 400],
    ["a rule about what isn't there", "PUT", () => `${tenant.path}/policy`, { rules: [{ name: "a", effect: "allow", when: "tool.nme == 'x'" }] }, 400],
    ["a key of a team that isn't there", "POST", keys, { name: "k", grants: [], team: "nowhere" }, 400],
    ["an operator in no role", "POST", () => "/operators", { name: "o", role: "king" }, 400],
    ["an admin of no tenant", "POST", () => "/operators", { name: "o", role: "tenant-admin" }, 400],
    ["the gateway's own tenant", "PUT", () => "/tenants/tg--operators", {}, 400],
    ["a price below nothing", "PUT", server, { ...good, price: { micro_usd: -1 } }, 400],
    ["a tenant id that is none", "PUT", () => "/tenants/Not_A_Label", {}, 400],
    ["a server id that is none", "PUT", () => `${tenant.path}/servers/a__b`, good, 400],
    ["a tenant that isn't there", "GET", () => "/tenants/nobody-here", undefined, 404],
    ["a server that isn't there", "GET", () => `${tenant.path}/servers/nothing`, undefined, 404],
    ["a key that isn't there", "PATCH", () => `${tenant.path}/keys/0123456789abcdef`, { enabled: false }, 404],
    ["a path that isn't there", "GET", () => "/nothing", undefined, 404],
    ["a method that isn't there", "DELETE", keys, undefined, 405],
  ]) {
    test(what, async () => assertProblem(await gateway.admin(method, path(), body), status));
  }

  test("another content type", async () => {
    const answer = await gateway.admin("POST", keys(), '{"name":"k","grants":[]}', { headers: { "content-type": "text/plain" } });
    assertProblem(answer, 415);
  });

  test("a body that is too long", async () => {
    assertProblem(await gateway.admin("POST", keys(), { name: "x".repeat(1 << 20), grants: [] }), 413);
  });
});

describe("what is there", () => {
  test("lists come in pages, each record once", async () => {
    const own = await gateway.tenant("listed");
    const ids = new Set();
    for (let n = 0; n < 5; n++) ids.add((await own.key([], { name: `k${n}` })).id);
    const found = [];
    let cursor;
    do {
      const page = await gateway.manage("GET", `${own.path}/keys?limit=2${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      assert.ok(page.items.length <= 2);
      found.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor);
    assert.deepEqual(found.toSorted(), [...ids].toSorted());
  });

  test("a tenant is read, listed and deleted with all it has", async () => {
    const own = await gateway.tenant("short-lived");
    await own.server("s", "https://mcp.example.com/mcp", { network: "public" });
    assert.equal((await gateway.manage("GET", own.path)).id, own.id);
    await gateway.manage("DELETE", own.path);
    assert.equal((await gateway.admin("GET", own.path)).status, 404);
    assert.equal((await gateway.admin("GET", `${own.path}/servers/s`)).status, 404);
  });

  test("the description is OpenAPI and names the paths", async () => {
    const answer = await send(`${gateway.up.admin_url}/openapi.json`, { headers: { authorization: `Bearer ${gateway.up.operator_token}` } });
    assert.equal(answer.status, 200);
    assert.match(answer.json.openapi, /^3\./);
    const paths = Object.keys(answer.json.paths).join(" ");
    for (const part of ["tenants/{tenant}", "servers/{server}", "keys", "operators", "teams", "limits/{name}/usage", "policy/draft", "explain"]) assert.ok(paths.includes(part), paths);
  });
});

describe("operators", () => {
  const made = [];
  const operator = async (role, more = {}) => {
    const created = await gateway.manage("POST", "/operators", { name: `e2e ${role}`, role, ...more });
    made.push(created.id);
    return created;
  };
  const as = ({ secret }, method, path, body) => gateway.admin(method, path, body, { token: secret });

  after(async () => {
    for (const id of made) await gateway.admin("DELETE", `/operators/${id}`);
  });

  test("are told who they are, and held to their role", async () => {
    const other = await gateway.tenant("admin-other");
    const auditor = await operator("auditor");
    const admin = await operator("tenant-admin", { tenant: tenant.id });
    assert.deepEqual((await as(admin, "GET", "/whoami")).json, { name: "e2e tenant-admin", role: "tenant-admin", tenant: tenant.id });
    assert.equal((await gateway.manage("GET", "/whoami")).role, "owner");
    for (const [who, method, path, body, status] of [
      [auditor, "GET", tenant.path, undefined, 200],
      [auditor, "GET", "/operators", undefined, 200],
      [auditor, "PATCH", tenant.path, { display_name: "x" }, 403],
      [auditor, "POST", `${tenant.path}/keys`, { name: "k", grants: [] }, 403],
      [admin, "PUT", `${tenant.path}/teams/backend`, {}, 201],
      [admin, "PATCH", tenant.path, { display_name: "Mine" }, 200],
      [admin, "PATCH", tenant.path, { enabled: false }, 403],
      [admin, "DELETE", tenant.path, undefined, 403],
      [admin, "GET", "/tenants", undefined, 403],
      [admin, "GET", "/operators", undefined, 403],
      [admin, "GET", other.path, undefined, 403],
      [admin, "GET", "/tenants/nobody-here", undefined, 403],
    ]) {
      const answer = await as(who, method, path, body);
      assert.equal(answer.status, status, `${who.role} ${method} ${path}: ${answer.text}`);
    }
    const [there, nowhere] = await Promise.all([as(admin, "GET", other.path), as(admin, "GET", "/tenants/nobody-here")]);
    assert.equal(there.json.detail, nowhere.json.detail, "an answer does not tell which tenants there are");
  });

  test("are refused at once when they are disabled or deleted", async () => {
    const one = await operator("operator");
    const status = async () => (await as(one, "GET", "/whoami")).status;
    assert.equal(await status(), 200);
    await gateway.manage("PATCH", `/operators/${one.id}`, { enabled: false });
    assert.equal(await status(), 401);
    await gateway.manage("PATCH", `/operators/${one.id}`, { enabled: true });
    assert.equal(await status(), 200);
    await gateway.manage("DELETE", `/operators/${one.id}`);
    assert.equal(await status(), 401);
  });

  test("of a tenant go with it, and what they are stored under is no tenant", async () => {
    const own = await gateway.tenant("admin-gone");
    const admin = await operator("tenant-admin", { tenant: own.id });
    await gateway.manage("DELETE", own.path);
    await gateway.manage("PUT", own.path, {});
    assert.equal((await as(admin, "GET", "/whoami")).status, 401);
    await gateway.manage("DELETE", own.path);
    let cursor;
    do {
      const page = await gateway.manage("GET", `/tenants?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      assert.ok(page.items.every(({ id }) => id !== "tg--operators"));
      cursor = page.next_cursor;
    } while (cursor);
    assert.equal((await modern(`${gateway.up.base_url}/t/tg--operators/mcp`, gateway.up.key, "tools/list")).status, 401);
  });
});

describe("keys", { concurrency: true }, () => {
  const status = async (own, secret) => (await modern(own.mcp, secret, "tools/list")).status;

  test("are rotated with an overlap in which both secrets work", async () => {
    const own = await gateway.tenant("rotated");
    const { id, secret } = await own.key();
    assert.equal(await status(own, secret), 200);
    const rotated = await gateway.manage("POST", `${own.path}/keys/${id}/rotate`, { overlap: "1h" });
    assert.equal(rotated.id, id);
    assert.notEqual(rotated.secret, secret);
    await until("the new secret works", STALENESS_S, async () => (await status(own, rotated.secret)) === 200);
    assert.equal(await status(own, secret), 200, "the old secret works, wherever it is known that it is the old one");
    const shown = await gateway.admin("GET", `${own.path}/keys/${id}`);
    assert.equal(shown.json.previous_expires_at, rotated.previous_expires_at);
    assert.ok(!shown.text.includes(rotated.secret) && !shown.text.includes("hash"));
  });

  test("are rotated without one, and the old secret stops within the bound", async () => {
    const own = await gateway.tenant("rotated-now");
    const { id, secret } = await own.key();
    assert.equal(await status(own, secret), 200);
    const rotated = await gateway.manage("POST", `${own.path}/keys/${id}/rotate`);
    await until("the old secret is refused", STALENESS_S, async () => (await status(own, secret)) === 401);
    // Each instance learns it in its own time.
    await until("the new secret works", STALENESS_S, async () => (await status(own, rotated.secret)) === 200);
  });
});

describe("a tenant's rules", () => {
  test("a policy is versioned, drafted and put in force", async () => {
    const own = await gateway.tenant("ruled");
    const policy = (when) => ({ rules: [{ name: "one", effect: "allow", when }] });
    await gateway.manage("PUT", `${own.path}/policy`, policy("true"));
    await gateway.manage("PUT", `${own.path}/policy/draft`, policy("false"));
    const promoted = await gateway.manage("POST", `${own.path}/policy/draft/promote`);
    assert.deepEqual(promoted.rules, policy("false").rules);
    assert.equal((await gateway.admin("GET", `${own.path}/policy/draft`)).status, 404);
    const { items } = await gateway.manage("GET", `${own.path}/policy/versions`);
    assert.deepEqual(items.map(({ current }) => current), [true, false]);
    const before = await gateway.manage("GET", `${own.path}/policy/versions/${items[1].revision}`);
    assert.deepEqual(before.rules, policy("true").rules);
    await gateway.manage("DELETE", `${own.path}/policy`);
    assert.equal((await gateway.manage("GET", `${own.path}/policy/versions`)).items.length, 2);
  });

  test("what is wrong with a rule is said with its place", async () => {
    const answer = await gateway.admin("PUT", `${tenant.path}/policy`, { rules: [{ name: "a", effect: "allow", when: "true &&\n tool.nme == 'x'" }] });
    assertProblem(answer, 400);
    assert.deepEqual([answer.json.errors[0].pointer, answer.json.errors[0].position], ["/rules/0/when", { line: 2, column: 7 }]);
  });

  test("limits, teams, and what keys are counted with", async () => {
    const own = await gateway.tenant("limited");
    await gateway.manage("PUT", `${own.path}/teams/backend`, { display_name: "Backend" });
    const key = await own.key(["*"], { team: "backend", user: "*", labels: { env: "prod" } });
    assert.deepEqual([key.team, key.user, key.labels], ["backend", "*", { env: "prod" }]);
    const limit = await gateway.manage("PUT", `${own.path}/limits/daily`, { scope: { key: "*" }, kind: "budget", unit: "calls", amount: 5, window: "day" });
    assert.deepEqual([limit.mode, limit.enabled], ["strict", true]);
    assert.deepEqual(await gateway.manage("GET", `${own.path}/limits/daily/usage`), { items: [] });
    const report = await gateway.manage("GET", `${own.path}/usage?key=${key.id}`);
    assert.deepEqual(report.items.map(({ limit: name }) => name), ["daily"]);
    await gateway.manage("POST", `${own.path}/limits/daily/reset`);
    await gateway.manage("DELETE", `${own.path}/limits/daily`);
    assert.equal((await gateway.admin("GET", `${own.path}/limits/daily`)).status, 404);
    // All of it goes with the tenant.
    await gateway.manage("PUT", `${own.path}/limits/daily`, { scope: {}, kind: "budget", unit: "calls", amount: 5 });
    await gateway.manage("DELETE", own.path);
    await gateway.manage("PUT", own.path, {});
    for (const list of ["teams", "limits", "keys", "policy/versions"]) assert.deepEqual(await gateway.manage("GET", `${own.path}/${list}`), { items: [] }, list);
  });

  test("a dry run shows what would be and changes nothing", async () => {
    const own = await gateway.tenant("tried");
    const tried = await gateway.admin("PUT", `${own.path}/limits/daily?dry_run=true`, { scope: {}, kind: "budget", unit: "calls", amount: 5 });
    assert.equal(tried.status, 200, tried.text);
    assert.equal(tried.headers["toolgate-dry-run"], "created");
    assert.equal((await gateway.admin("GET", `${own.path}/limits/daily`)).status, 404);
  });

  test("a server's prices and constraints are kept", async () => {
    const own = await gateway.tenant("priced");
    const rules = { price: { micro_usd: { base: 10, per_kib: 1 } }, constraints: { timeout_ms: 5000, quiet_hours: [{ from: "22:00", to: "06:00", zone: "Europe/Berlin" }] }, tools: { search: { price: { micro_usd: 0 } } } };
    await own.server("s", "https://mcp.example.com/mcp", { network: "public", ...rules });
    const { price, constraints, tools } = await gateway.manage("GET", `${own.path}/servers/s`);
    assert.deepEqual({ price, constraints, tools }, rules);
  });
});

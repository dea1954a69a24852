// The admin API: who may use it, what it refuses and how it says so, pages, and its own description.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { send } from "../lib/http.mjs";
import { world } from "../lib/world.mjs";

const { gateway } = world;

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
    for (const part of ["tenants/{tenant}", "servers/{server}", "keys"]) assert.ok(paths.includes(part), paths);
  });
});

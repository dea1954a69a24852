// The operator's command line against a gateway of its own: a file is compared and applied, and what goes wrong is said.
// TOOLGATE_BINARY is the local target's binary.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { end, endAll, finished, owned, start } from "./lib/process.mjs";

const dir = mkdtempSync(join(tmpdir(), "toolgate-operator-"));
const data = join(dir, "data");
let gateway;

before(async () => {
  const args = ["serve", "--listen", "127.0.0.1:0", "--data", data, "--no-demo", "--announce-json"];
  gateway = owned(start(process.env.TOOLGATE_BINARY, args));
  const { value, done } = await gateway.lines.next();
  assert.ok(!done && value.includes("listening"), gateway.log);
});

after(async () => {
  await end(gateway);
  await endAll();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a command and gives its code and what it printed. */
const toolgate = (args, env = {}) => finished(process.env.TOOLGATE_BINARY, args, { env: { TOOLGATE_DATA: data, ...env } });

/** The same where only success will do; the answer as JSON. */
async function json(args, env) {
  const { code, out, err } = await toolgate([...args, "--json"], env);
  assert.equal(code, 0, `${args.join(" ")}: ${err}`);
  return out === "" ? null : JSON.parse(out);
}

/** A file with this content. */
function file(name, content) {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

const SECRET = "s3cr3t-of-the-environment";
const env = { UPSTREAM_TOKEN: SECRET };

const acme = (more = "") => `
tenant: acme
display_name: Acme
servers:
  github:
    url: https://api.example.com/mcp
    headers:
      Authorization: Bearer \${UPSTREAM_TOKEN}
    price: {micro_usd: 100}
  docs: {url: "https://docs.example.com/mcp"}
views:
  support:
    servers: {github: {tools: [list_issues]}}
teams:
  backend: {display_name: Backend}
limits:
  daily: {scope: {key: "*"}, kind: budget, unit: calls, amount: 100, window: {calendar: day, zone: europe/berlin}}
policy:
  rules:
    - {name: readers, effect: allow, when: tool.annotations.readOnlyHint}
keys:
  ci:
    team: backend
    grants: ["github__*"]
    labels: {env: prod, tier: one}
${more}`;

describe("a tenant's file", () => {
  test("is compared, applied once, and found applied", async () => {
    const path = file("acme.yaml", acme());
    const planned = await toolgate(["plan", path], env);
    assert.equal(planned.code, 2, planned.err);
    for (const line of ["+ tenant acme", "+ policy", "+ server github", "+ view support", "+ team backend", "+ limit daily", "+ key ci", "8 to create, 0 to change, 0 to delete"]) {
      assert.ok(planned.out.includes(line), planned.out);
    }
    assert.equal((await toolgate(["tenants", "get", "acme"])).code, 1, "a plan changes nothing");

    const unasked = await toolgate(["apply", path], env);
    assert.equal(unasked.code, 1);
    assert.match(unasked.err, /--yes/);

    const keys = join(dir, "keys.jsonl");
    const applied = await toolgate(["apply", path, "--yes", "--keys-out", keys], env);
    assert.equal(applied.code, 0, applied.err);
    // What restricts comes before what it restricts.
    const done = [...applied.out.matchAll(/^created (.*)$/gm)].map(([, what]) => what);
    assert.deepEqual(done, ["tenant acme", "team backend", "limit daily", "policy", "server github", "server docs", "view support", "key ci"]);
    assert.equal(statSync(keys).mode & 0o777, 0o600);
    const key = JSON.parse(readFileSync(keys, "utf8"));
    assert.match(key.secret, /^tgk_/);
    for (const said of [planned.out, applied.out, applied.err]) assert.ok(!said.includes(SECRET) && !said.includes(key.secret), said);

    for (const again of [["plan", path], ["apply", path, "--yes", "--keys-out", keys]]) {
      const { code, out, err } = await toolgate(again, env);
      assert.equal(code, 0, err);
      assert.match(out, /The gateway is as the file says/);
    }
  });

  test("is told what differs, field by field, and brings it back", async () => {
    const path = file("acme.yaml", acme());
    const [ci] = (await json(["keys", "list", "acme"])).items;
    await json(["servers", "update", "acme", "docs", "--era", "legacy"]);
    await json(["keys", "update", "acme", ci.id, "--grant", "*", "--label", "tier=two", "--label", "more=x"]);
    const { code, out } = await toolgate(["plan", path], env);
    assert.equal(code, 2);
    assert.match(out, /~ server docs: differs\n {6}era: gateway "legacy", file "auto"/);
    assert.match(out, /grants: gateway \["\*"\], file \["github__\*"\]/);
    assert.match(out, /labels\.more: gateway "x", file \(none\)/);
    assert.match(out, /labels\.tier: gateway "two", file "one"/);
    const asJson = await toolgate(["plan", path, "--json"], env);
    assert.equal(asJson.code, 2);
    const changes = JSON.parse(asJson.out).changes.map(({ action, kind, id }) => `${action} ${kind} ${id}`);
    assert.deepEqual(changes, ["change server docs", "change key ci"]);
    assert.equal((await toolgate(["apply", path, "--yes"], env)).code, 0);
    const [back] = (await json(["keys", "list", "acme"])).items;
    assert.deepEqual([back.id, back.grants, back.labels], [ci.id, ["github__*"], { env: "prod", tier: "one" }]);
    assert.equal((await toolgate(["plan", path], env)).code, 0);
  });

  test("whose secret is another is applied, and says of it that it is another and no more", async () => {
    const path = file("acme.yaml", acme());
    const other = { UPSTREAM_TOKEN: "another-secret" };
    const { code, out } = await toolgate(["plan", path], other);
    assert.equal(code, 2);
    assert.match(out, /~ server github: differs\n {6}headers: other values/);
    assert.ok(!out.includes("another-secret"));
    assert.equal((await toolgate(["apply", path, "--yes"], other)).code, 0);
    assert.equal((await toolgate(["plan", path], other)).code, 0);
    assert.equal((await toolgate(["apply", path, "--yes"], env)).code, 0);
  });

  test("leaves alone what it does not have, and with --prune deletes it, keys first and servers later", async () => {
    const path = file("acme.yaml", acme());
    await json(["servers", "put", "acme", "extra", "--url", "https://extra.example.com/mcp"]);
    await json(["keys", "create", "acme", "--name", "old"]);
    const left = await toolgate(["plan", path], env);
    assert.equal(left.code, 0, "what is left alone is no difference");
    assert.match(left.out, /\? 1 servers \(extra\): only on the gateway/);
    assert.match(left.out, /\? 1 keys \(old\): only on the gateway/);
    const pruned = await toolgate(["apply", path, "--prune", "--yes"], env);
    assert.equal(pruned.code, 0, pruned.err);
    const done = [...pruned.out.matchAll(/^deleted (.*)$/gm)].map(([, what]) => what);
    assert.deepEqual(done, ["key old", "server extra"]);
    // What a file does not speak of at all is left alone even then.
    const bare = file("bare.yaml", "tenant: acme\ndisplay_name: Acme\n");
    const { code, out } = await toolgate(["plan", bare, "--prune"], env);
    assert.equal(code, 0, out);
    const without = file("without.yaml", "tenant: acme\ndisplay_name: Acme\npolicy: ~\n");
    assert.match((await toolgate(["plan", without], env)).out, /\? 1 policy: only on the gateway/);
    assert.match((await toolgate(["plan", without, "--prune"], env)).out, /- policy: is only on the gateway/);
  });

  test("is refused as a whole, each fault with its line, before anything is changed", async () => {
    const bad = file(
      "bad.yaml",
      `tenant: fresh
servers:
  a:
    url: http://public.example.com/mcp
    colour: red
  b:
    url: nonsense
policy:
  rules:
    - name: x
      effect: allow
      when: tool.nme == 'x'
keys:
  ci:
    grants:
      - github
`,
    );
    const { code, err } = await toolgate(["apply", bad, "--yes"]);
    assert.equal(code, 1);
    for (const fault of [/bad\.yaml:5: servers\/a\/colour: there is no such field/, /bad\.yaml:7: servers\/b\/url/, /bad\.yaml:12: policy\/rules\/0\/when: line 1, column 6/, /bad\.yaml:16: keys\/ci\/grants\/0/]) {
      assert.match(err, fault);
    }
    assert.equal((await toolgate(["tenants", "get", "fresh"])).code, 1);
    for (const [text, said] of [
      ["tenant: a\nserver: {}\n", /:2: there is no "server"/],
      ["tenant: a\ntenant: b\n", /:2: "tenant" is there twice/],
      ["servers: {}\n", /"tenant" is missing/],
      [acme(), /:8: servers\/github\/headers\/Authorization: the environment variable UPSTREAM_TOKEN is not set/],
      ["tenant: [\n", /:\d+: /],
    ]) {
      const refused = await toolgate(["plan", file("odd.yaml", text)]);
      assert.equal(refused.code, 1, text);
      assert.match(refused.err, said);
    }
    assert.equal((await toolgate(["plan", join(dir, "nothing.yaml")])).code, 1);
    assert.equal((await toolgate(["plan"])).code, 1, "a command that is misused is no difference");
  });

  test("may be JSON", async () => {
    const path = file("tenant.json", JSON.stringify({ tenant: "json", servers: { s: { url: "https://example.com/mcp" } } }, null, "\t"));
    assert.equal((await toolgate(["apply", path, "--yes"])).code, 0);
    assert.equal((await json(["servers", "get", "json", "s"])).url, "https://example.com/mcp");
  });

  test("says what programs may use and what is approved, and takes back what it no longer says", async () => {
    const text = (code) => `tenant: programs\n${code}keys:\n  ci: {grants: [], tools_mode: code, code: {calls: 3}}\nviews:\n  v: {servers: {}, tools_mode: direct}\n`;
    const path = file("programs.yaml", text("code: {limits: {calls: 9, gas: 2000000}, price: {micro_usd: 5}}\napprovals: {destructive: marked}\n"));
    assert.equal((await toolgate(["apply", path, "--yes"])).code, 0);
    assert.equal((await toolgate(["plan", path])).code, 0);
    await json(["tenants", "update", "programs", "--approve-destructive", "assumed", "--approved-by", "operator"]);
    const changed = file("programs.yaml", text("code: {limits: {calls: 8}}\napprovals: {destructive: marked}\n"));
    const { code, out } = await toolgate(["plan", changed]);
    assert.equal(code, 2);
    for (const line of [/code\.limits\.calls: gateway 9, file 8/, /code\.limits\.gas: gateway 2000000, file \(none\)/, /approvals\.by: gateway "operator", file "anyone"/]) assert.match(out, line);
    assert.equal((await toolgate(["apply", changed, "--yes"])).code, 0);
    assert.deepEqual((await json(["tenants", "get", "programs"])).code, { limits: { calls: 8 } });
    const without = file("programs.yaml", text(""));
    assert.equal((await toolgate(["apply", without, "--yes"])).code, 0);
    const { code: said, approvals, enabled } = await json(["tenants", "get", "programs"]);
    assert.deepEqual([said, approvals, enabled], [undefined, undefined, true]);
    assert.equal((await toolgate(["plan", without])).code, 0);
    const wrong = await toolgate(["plan", file("wrong.yaml", text("code:\n  limits:\n    parallel: 7\n"))]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /wrong\.yaml:4: .*parallel/);
  });

  test("that fails in the middle says what was done, and takes up from there", async () => {
    // A view of a server's id is refused when it is made, and not before: nothing else of the file is looked up.
    const text = (view) => `tenant: half\nservers:\n  one: {url: "https://example.com/mcp"}\nviews:\n  ${view}: {servers: {}}\nkeys:\n  ci: {grants: []}\n`;
    const failed = await toolgate(["apply", file("half.yaml", text("one")), "--yes"]);
    assert.equal(failed.code, 1);
    assert.match(failed.err, /view one failed: 409/);
    assert.match(failed.err, /done before: created tenant half, created server one/);
    assert.match(failed.err, /not begun: key ci/);
    assert.equal((await json(["keys", "list", "half"])).items.length, 0);
    const done = await toolgate(["apply", file("half.yaml", text("two")), "--yes"]);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /^key ci \([0-9a-f]{16}\): tgk_/m);
    assert.ok(!done.out.includes("created server one"));
  });

  test("with a key's name that two keys have is refused", async () => {
    await json(["tenants", "put", "twins"]);
    for (const _ of [1, 2]) await json(["keys", "create", "twins", "--name", "same"]);
    const { code, err } = await toolgate(["plan", file("twins.yaml", "tenant: twins\nkeys:\n  same: {grants: []}\n")]);
    assert.equal(code, 1);
    assert.match(err, /2 keys named "same"/);
  });
});

describe("operators", () => {
  test("are made, told who they are, and held to their role", async () => {
    await json(["tenants", "put", "own"]);
    const auditor = await json(["operators", "create", "--name", "eve", "--role", "auditor"]);
    const admin = await json(["operators", "create", "--name", "ada", "--role", "tenant-admin", "--tenant", "own"]);
    const as = ({ secret }) => ({ TOOLGATE_OPERATOR_TOKEN: secret });
    assert.deepEqual(await json(["whoami"], as(admin)), { name: "ada", role: "tenant-admin", tenant: "own" });
    assert.equal((await toolgate(["tenants", "list"], as(auditor))).code, 0);
    const refused = await toolgate(["tenants", "put", "more"], as(auditor));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /403 .*this needs the role owner or operator/);
    // A tenant's admin applies the file of its tenant.
    const path = file("own.yaml", "tenant: own\ndisplay_name: Own\nkeys:\n  ci: {grants: []}\n");
    assert.equal((await toolgate(["apply", path, "--yes"], as(admin))).code, 0);
    assert.equal((await toolgate(["plan", file("other.yaml", "tenant: acme\n")], as(admin))).code, 1);
    await json(["operators", "delete", admin.id]);
    assert.equal((await toolgate(["whoami"], as(admin))).code, 1);
  });

  test("rotate keys and put policies in force", async () => {
    await json(["tenants", "put", "rotated"]);
    const key = await json(["keys", "create", "rotated", "--name", "k"]);
    const rotated = await json(["keys", "rotate", "rotated", key.id, "--overlap", "1h"]);
    assert.equal(rotated.id, key.id);
    assert.notEqual(rotated.secret, key.secret);
    assert.ok(rotated.previous_expires_at);
    const policy = file("policy.yaml", "rules:\n  - {name: all, effect: allow, when: 'true'}\n");
    await json(["policy", "put", "rotated", policy, "--draft"]);
    assert.equal((await toolgate(["policy", "get", "rotated"])).code, 1);
    await json(["policy", "promote", "rotated"]);
    const { items } = await json(["policy", "versions", "rotated"]);
    assert.deepEqual(items.map(({ current, saved_by }) => [current, saved_by]), [[true, "owner"]]);
    assert.equal((await json(["policy", "get", "rotated", "--revision", String(items[0].revision)])).rules[0].name, "all");
  });

  test("are told what would be decided, and why", async () => {
    await json(["tenants", "put", "asked"]);
    await json(["servers", "put", "asked", "s", "--url", "https://api.example.com/mcp"]);
    const principal = JSON.stringify({ grants: ["s__get"] });
    const said = await json(["explain", "asked", "--principal", principal, "--server", "s", "--tool", "put"]);
    assert.deepEqual([said.allowed, said.decided_by, said.steps.at(-1).outcome], [false, "no-grant", "denies"]);
    const drafted = await toolgate(["explain", "asked", "--principal", principal, "--server", "s", "--tool", "get", "--draft"]);
    assert.equal(drafted.code, 1);
    assert.match(drafted.err, /no draft/);
  });

  test("set limits and see what they have counted", async () => {
    await json(["tenants", "put", "limited"]);
    const limit = await json(["limits", "put", "limited", "daily", "--kind", "budget", "--unit", "calls", "--amount", "5", "--window", "day"]);
    assert.deepEqual(limit.scope, {});
    await json(["limits", "update", "limited", "daily", "--amount", "7"]);
    assert.deepEqual((await json(["limits", "usage", "limited", "daily"])).items, []);
    const { items } = await json(["usage", "limited"]);
    assert.deepEqual(items.map(({ limit: name, amount }) => [name, amount]), [["daily", 7]]);
    await json(["limits", "reset", "limited", "daily"]);
    const refused = await toolgate(["limits", "put", "limited", "odd", "--kind", "rate", "--unit", "calls", "--amount", "5"]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /window: a rate needs the length in which it refills/);
  });
});

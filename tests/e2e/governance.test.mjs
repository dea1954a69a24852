// What operators govern by: limits, prices, policies, constraints, and explain, which says of each what a call would meet.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, describe, test } from "node:test";

import { call, list } from "../lib/mcp.mjs";
import { signal, until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { modernServer, text, tool } from "../upstreams/scripted.mjs";

const { gateway, scripted } = world;

/** The bound on how long a changed record goes on as before, and some patience. */
const STALENESS_S = 10 + 5;
const LIMITED = -31429;

const number = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
const TOOLS = [
  tool("get", { annotations: { readOnlyHint: true } }),
  tool("put", { annotations: { destructiveHint: true } }),
  tool("sum", { inputSchema: number, annotations: { readOnlyHint: true } }),
];

/** A tenant with the server `s`, and all that is `set` there before its first request; with what the server was sent. */
async function governed(name, { server = {}, limits = {}, policy, draft, answer = () => text("done"), grants = ["*"], key = {} } = {}) {
  const tenant = await gateway.tenant(name);
  const calls = [];
  const serve = modernServer({
    tools: TOOLS,
    call: (asked) => {
      calls.push(asked);
      return answer(asked);
    },
  });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, serve), server);
  for (const [id, limit] of Object.entries(limits)) await gateway.manage("PUT", `${tenant.path}/limits/${id}`, limit);
  if (policy) await gateway.manage("PUT", `${tenant.path}/policy`, { rules: policy });
  if (draft) await gateway.manage("PUT", `${tenant.path}/policy/draft`, { rules: draft });
  const made = await tenant.key(grants, key);
  const asks = (tool, args = {}, options = {}) => call(tenant.mcp, made.secret, `s__${tool}`, args, options);
  const explain = (question) => gateway.manage("POST", `${tenant.path}/explain`, { key: made.id, server: "s", ...question });
  /** What a limit has counted for good, all accounts together. */
  const settled = async (limit) => (await usage(tenant, limit)).reduce((sum, account) => sum + account.settled, 0);
  return { ...tenant, mcp: tenant.mcp, path: tenant.path, key: made, calls, asks, explain, settled };
}

const usage = async (tenant, limit) => (await gateway.manage("GET", `${tenant.path}/limits/${limit}/usage`)).items;
const passed = (answer) => answer.message?.result !== undefined;
const code = (answer) => answer.message?.error?.code;
const budget = (amount, more = {}) => ({ scope: {}, kind: "budget", unit: "calls", amount, window: "year", ...more });

/** A limit's refusal, with its numbers. */
function assertLimited(answer, limit) {
  assert.deepEqual([answer.status, code(answer)], [200, LIMITED], answer.text);
  const detail = answer.message.error.data._meta["io.toolgate/limit"];
  assert.equal(detail.limit, limit);
  assert.match(answer.message.error.message, new RegExp(`The limit "${limit}" allows`));
  if (detail.retry_after_ms === undefined) assert.equal(answer.headers["retry-after"], undefined);
  else assert.equal(Number(answer.headers["retry-after"]), Math.ceil(detail.retry_after_ms / 1000));
  return detail;
}

describe("limits", { concurrency: true }, () => {
  test("a strict budget lets through exactly what it allows, whoever asks at the same time", async () => {
    const own = await governed("strict", { limits: { calls: budget(5) } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => own.asks("get")));
    const others = answers.filter((answer) => !passed(answer) && code(answer) !== LIMITED).map((answer) => answer.text);
    assert.deepEqual(others, [], "each passes or is told of the limit");
    assert.equal(answers.filter(passed).length, 5);
    assert.equal(own.calls.length, 5, "what is refused is not sent");
    const detail = assertLimited(answers.find((answer) => !passed(answer)), "calls");
    assert.deepEqual([detail.kind, detail.unit, detail.amount, detail.need, detail.left], ["budget", "calls", 5, 1, 0]);
    assert.ok(Date.parse(detail.resets_at) > Date.now(), detail.resets_at);
    const [account] = await usage(own, "calls");
    assert.equal(account.settled + account.reserved, 5);
    await until("all calls are settled", 10, async () => (await own.settled("calls")) === 5);
  });

  test("a leased budget is never exceeded", async () => {
    const own = await governed("leased", { limits: { calls: budget(20, { mode: "leased" }) } });
    let through = 0;
    for (let n = 0; n < 6; n++) {
      const answers = await Promise.all(Array.from({ length: 6 }, () => own.asks("get")));
      through += answers.filter(passed).length;
      answers.filter((answer) => !passed(answer)).forEach((answer) => assertLimited(answer, "calls"));
    }
    assert.ok(through > 0 && through <= 20, `${through} calls`);
    assert.equal(own.calls.length, through);
    const [account] = await usage(own, "calls");
    assert.equal(account.settled + account.reserved + account.leased + account.left, 20);
    assert.ok(account.settled + account.reserved + account.leased >= through, JSON.stringify(account));
  });

  test("a rate says when there is more", async () => {
    const own = await governed("rate", { limits: { slow: { scope: { key: "*" }, kind: "rate", unit: "calls", amount: 2, window: "hour" } } });
    assert.ok(passed(await own.asks("get")) && passed(await own.asks("get")));
    const detail = assertLimited(await own.asks("get"), "slow");
    assert.ok(detail.retry_after_ms > 0 && detail.retry_after_ms <= 1_800_000, JSON.stringify(detail));
    assert.match(detail.scope, new RegExp(own.key.id));
  });

  test("calls at the same time are capped, and a place comes back when one is over", async () => {
    const [begun, release] = [signal(), signal()];
    const answer = async ({ name }) => {
      if (name === "put") {
        begun.resolve();
        await release.promise;
      }
      return text("done");
    };
    const own = await governed("cap", { limits: { cap: { scope: {}, kind: "concurrency", unit: "calls", amount: 1 } }, answer });
    const held = own.asks("put");
    await begun.promise;
    const detail = assertLimited(await own.asks("get"), "cap");
    assert.deepEqual([detail.kind, detail.left, detail.resets_at], ["concurrency", 0, undefined]);
    release.resolve();
    assert.ok(passed(await held));
    await until("the place is free again", 10, async () => passed(await own.asks("get")));
  });

  test("what a result says of its price is charged, and the maximum where it is no price", async () => {
    const answer = ({ args }) => text("done", { _meta: { "example.com/cost": args.cost } });
    const server = { price: { micro_usd: { meta: "example.com/cost", max: 400 } } };
    const own = await governed("priced", { server, answer, limits: { money: { scope: {}, kind: "budget", unit: "micro_usd", amount: 2000 } } });
    let total = 0;
    for (const [cost, charged] of [[100, 100], ["free", 400], [-5, 400], [9999, 400], [{}, 400]]) {
      assert.ok(passed(await own.asks("get", { cost })));
      total += charged;
      await until(`${JSON.stringify(cost)} costs ${charged}`, 15, async () => (await own.settled("money")) === total);
    }
    const detail = assertLimited(await own.asks("get", { cost: 1 }), "money");
    assert.deepEqual([detail.need, detail.left], [400, 300]);
  });

  test("a call and its repetitions are charged once", async () => {
    const own = await governed("repeated", { limits: { calls: budget(10) } });
    const named = (name) => own.asks("get", {}, { headers: { "idempotency-key": name } });
    for (let n = 0; n < 3; n++) assert.ok(passed(await named("one")));
    assert.ok(passed(await own.asks("get", {}, { meta: { "io.toolgate/idempotency-key": "one" } })));
    await until("one call is counted", 10, async () => (await own.settled("calls")) === 1);
    assert.ok(passed(await named("another")));
    await until("another is another", 10, async () => (await own.settled("calls")) === 2);
    assert.equal(code(await named("not good")), -32602);
  });

  test("each user of a key has an account, and a scope holds what it names alone", async () => {
    const own = await governed("users", {
      limits: { each: budget(1, { scope: { user: "*" } }), puts: budget(0, { scope: { tool: "s__put" } }) },
      key: { user: "*" },
    });
    const as = (user, tool = "get") => own.asks(tool, {}, { headers: { "toolgate-user": user } });
    assert.ok(passed(await as("ada")));
    assertLimited(await as("ada"), "each");
    assert.ok(passed(await as("bob")));
    assertLimited(await as("eve", "put"), "puts");
    await until("both are counted", 10, async () => (await own.settled("each")) === 2);
    const accounts = await usage(own, "each");
    assert.deepEqual(accounts.map(({ holder }) => holder.user).toSorted(), ["ada", "bob"]);
    const report = await gateway.manage("GET", `${own.path}/usage?user=ada`);
    assert.deepEqual(report.items.map(({ limit, accounts }) => [limit, accounts.length]), [["each", 1]]);
  });

  test("what is wrong with a limit is said with its place", async () => {
    const { path } = await gateway.tenant("bad-limits");
    for (const [change, pointer] of [
      [{ amount: -1 }, "/amount"],
      [{ amount: 1e300 }, "/amount"],
      [{ amount: 1.5 }, "/amount"],
      [{ amount: "5" }, "/amount"],
      [{ amount: undefined }, "/amount"],
      [{ scope: { planet: "mars" } }, "/scope/planet"],
      [{ scope: { server: "a__b" } }, "/scope/server"],
      [{ kind: "quota" }, "/kind"],
      [{ unit: "euro" }, "/unit"],
      [{ kind: "rate", window: undefined }, "/window"],
      [{ window: "fortnight" }, "/window"],
      [{ mode: "loose" }, "/mode"],
    ]) {
      const answer = await gateway.admin("PUT", `${path}/limits/l`, { ...budget(5), ...change });
      assert.equal(answer.status, 400, `${JSON.stringify(change)}: ${answer.text}`);
      assert.match(answer.headers["content-type"], /^application\/problem\+json/);
      assert.deepEqual(answer.json.errors.map((error) => error.pointer), [pointer], answer.text);
    }
    assert.deepEqual((await gateway.manage("GET", `${path}/limits`)).items, []);
  });
});

describe("policies", { concurrency: true }, () => {
  test("what is denied is not listed and does not exist; what depends on arguments is decided with them", async () => {
    const own = await governed("ruled", {
      policy: [
        { name: "readers", effect: "allow", when: "tool.annotations.readOnlyHint" },
        { name: "small", effect: "deny", when: "tool.name == 'sum' && double(arguments.n) > 10.0" },
      ],
    });
    assert.deepEqual((await list(own.mcp, own.key.secret)).names.toSorted(), ["s__get", "s__sum"]);
    const [denied, absent] = [await own.asks("put"), await own.asks("nil")];
    assert.equal(denied.text.replaceAll("put", "nil"), absent.text);
    assert.ok(passed(await own.asks("sum", { n: 10 })));
    const large = await own.asks("sum", { n: 11 });
    assert.deepEqual([large.status, code(large), large.message.error.data.rule], [200, -31403, "small"]);
    assert.equal(code(await own.asks("sum")), -31403, "a rule that fails denies");
    assert.equal(own.calls.length, 1);
  });

  test("a draft decides nothing, and the log says what it would", { skip: !gateway.canRestart && "the log is another's" }, async () => {
    const own = await governed("drafted", { policy: [{ name: "all", effect: "allow", when: "true" }], draft: [{ name: "never-put", effect: "deny", when: "tool.name == 'put'" }, { name: "all", effect: "allow", when: "true" }] });
    assert.equal((await list(own.mcp, own.key.secret)).names.length, 3);
    assert.ok(passed(await own.asks("get")) && passed(await own.asks("put")));
    const lines = () => gateway.log.split("\n").filter((line) => line.includes(own.id) && line.includes("never-put"));
    await until("the difference is logged", 10, () => lines().length > 0);
    assert.ok(lines().every((line) => !line.includes(own.key.secret)));
  });

  test("a promoted draft holds within the bound", async () => {
    const own = await governed("promoted", { draft: [{ name: "no-put", effect: "deny", when: "tool.name == 'put'" }, { name: "all", effect: "allow", when: "true" }] });
    assert.ok(passed(await own.asks("put")));
    await gateway.manage("POST", `${own.path}/policy/draft/promote`);
    await until("it is in force", STALENESS_S, async () => code(await own.asks("put")) === -32602);
    assert.ok(passed(await own.asks("get")));
  });
});

describe("constraints", { concurrency: true }, () => {
  const always = [{ from: "00:00", to: "12:00" }, { from: "12:00", to: "00:00" }];

  test("quiet hours refuse calls, not lists", async () => {
    const own = await governed("quiet", { server: { constraints: { quiet_hours: always }, tools: { get: { constraints: { quiet_hours: [] } } } } });
    assert.equal((await list(own.mcp, own.key.secret)).names.length, 3);
    const refused = await own.asks("put");
    assert.equal(code(refused), -31423, refused.text);
    assert.ok(Date.parse(refused.message.error.data.until) > Date.now() && refused.message.error.data.retry_after_ms > 0, refused.text);
    assert.equal((await own.explain({ tool: "put" })).decided_by, "quiet-hours");
    assert.equal(own.calls.length, 0);
  });

  test("a call may take as long, and its result be as long, as the operator says", async () => {
    const release = signal();
    after(() => release.resolve());
    const answer = async ({ name }) => {
      if (name === "put") await release.promise;
      return text("x".repeat(20_000));
    };
    const tools = { sum: { constraints: { max_result_bytes: 100_000 } } };
    const own = await governed("bounded", { server: { constraints: { timeout_ms: 700, max_result_bytes: 10_000 }, tools }, answer });
    assert.equal(code(await own.asks("put")), -31504);
    assert.equal(code(await own.asks("get")), -31513);
    assert.ok(passed(await own.asks("sum", { n: 1 })));
  });

  test("a server is only read, and its arguments are checked, where the operator wants it", async () => {
    const own = await governed("careful", { server: { constraints: { access: "read-only", arguments: "checked" } } });
    assert.deepEqual((await list(own.mcp, own.key.secret)).names.toSorted(), ["s__get", "s__sum"]);
    assert.equal((await own.asks("put")).text.replaceAll("put", "nil"), (await own.asks("nil")).text);
    const wrong = await own.asks("sum", { n: "one" });
    assert.equal(code(wrong), -32602);
    assert.equal(wrong.message.error.data.mismatches[0].pointer, "/n", wrong.text);
    assert.ok(passed(await own.asks("sum", { n: 1 })));
    assert.equal(own.calls.length, 1);
  });
});

describe("explain", { concurrency: true }, () => {
  test("says what calls then meet, and leaves no trace", async () => {
    const own = await governed("explained", {
      grants: ["s__get", "s__sum"],
      limits: { daily: budget(2, { scope: { key: "*" }, window: "day" }) },
      policy: [
        { name: "all", effect: "allow", when: "true" },
        { name: "small", effect: "deny", when: "tool.name == 'sum' && double(arguments.n) > 10.0" },
      ],
    });
    const fresh = await own.explain({ tool: "get", arguments: {} });
    assert.deepEqual([fresh.allowed, fresh.needs_approval, fresh.decided_by], [true, false, `policy@${fresh.policy_revision}:allow:all`]);
    assert.deepEqual(fresh.limits, [{ limit: "daily", holder: { key: own.key.id }, needs: 1, left: 2, enough: true }]);
    assert.deepEqual(fresh.steps.map(({ step }) => step), ["tenant", "key", "grants", "server", "item", "access", "policy", "constraints", "limits"]);
    for (const [tool, args] of [["get", {}], ["put", {}], ["sum", { n: 11 }], ["sum", { n: 3 }], ["nil", {}], ["get", {}]]) {
      const { allowed, steps } = await own.explain({ tool, arguments: args });
      assert.equal(passed(await own.asks(tool, args)), allowed, `${tool} ${JSON.stringify([args, steps])}`);
    }
    assert.equal(own.calls.length, 2);
    const used = await own.explain({ tool: "get", arguments: {} });
    assert.deepEqual([used.allowed, used.decided_by, used.limits[0].left], [false, "limit:daily", 0]);
    const then = await own.explain({ tool: "get", arguments: {}, at: used.limits[0].resets_at });
    assert.deepEqual([then.allowed, then.limits[0].left], [true, 2]);
    await until("both calls are settled, and no more", 10, async () => (await own.settled("daily")) === 2);
  });

  test("knows what was saved just now, drafts, and keys that there are not", async () => {
    const own = await governed("asked");
    assert.equal((await own.explain({ tool: "put" })).allowed, true);
    const rule = (when) => ({ rules: [{ name: "some", effect: "allow", when }] });
    await gateway.manage("PUT", `${own.path}/policy`, rule("tool.name != 'put'"));
    assert.match((await own.explain({ tool: "put" })).decided_by, /^policy@\d+:no-allow-rule$/);
    await gateway.manage("PUT", `${own.path}/policy/draft`, rule("tool.name == 'put' && has(principal.team) && principal.team == 'ops'"));
    const draft = { tool: "put", policy: "draft", key: undefined };
    assert.equal((await own.explain({ ...draft, principal: { grants: ["*"] } })).allowed, false);
    await gateway.manage("PUT", `${own.path}/teams/ops`, {});
    assert.equal((await own.explain({ ...draft, principal: { grants: ["*"], team: "ops" } })).allowed, true);
    assert.equal((await own.explain({ ...draft, principal: { grants: ["s__get"], team: "ops" } })).decided_by, "no-grant");
  });

  test("refuses questions about what is not there", async () => {
    const own = await governed("wrong");
    const ask = (question) => gateway.admin("POST", `${own.path}/explain`, { key: own.key.id, server: "s", tool: "get", ...question });
    for (const [question, pointer] of [[{ server: "none" }, "/server"], [{ key: randomBytes(8).toString("hex") }, "/key"], [{ view: "none" }, "/view"], [{ policy: "draft" }, "/policy"]]) {
      const answer = await ask(question);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.json.errors[0].pointer, pointer);
    }
    const unknown = await ask({ tool: "nil" });
    assert.deepEqual([unknown.status, unknown.json.allowed, unknown.json.decided_by], [200, false, "no-such-item"]);
  });
});

test("an auditor sees all of this and changes none of it", async () => {
  const own = await governed("audited", { limits: { calls: budget(5) }, policy: [{ name: "all", effect: "allow", when: "true" }] });
  const auditor = await gateway.manage("POST", "/operators", { name: "e2e governance", role: "auditor" });
  try {
    const as = async (method, path, body) => (await gateway.admin(method, `${own.path}${path}`, body, { token: auditor.secret })).status;
    for (const path of ["/limits/calls", "/limits/calls/usage", "/usage", "/policy", "/policy/versions"]) assert.equal(await as("GET", path), 200, path);
    assert.equal(await as("POST", "/explain", { key: own.key.id, server: "s", tool: "get" }), 200);
    for (const [method, path, body] of [
      ["PUT", "/limits/calls", budget(500)],
      ["PATCH", "/limits/calls", { amount: 500 }],
      ["DELETE", "/limits/calls"],
      ["POST", "/limits/calls/reset"],
      ["PUT", "/policy", { rules: [] }],
      ["PUT", "/policy/draft", { rules: [] }],
      ["DELETE", "/policy"],
      ["PUT", "/teams/t", {}],
      ["PATCH", "", { approvals: { destructive: "allowed" } }],
    ]) {
      assert.equal(await as(method, path, body), 403, `${method} ${path}`);
    }
    assert.equal((await gateway.manage("GET", `${own.path}/limits/calls`)).amount, 5);
  } finally {
    await gateway.manage("DELETE", `/operators/${auditor.id}`);
  }
});

test("settings of programs and approvals are kept as they are said", async () => {
  const own = await gateway.tenant("settings");
  const said = { code: { limits: { calls: 3, time_ms: 1000 }, price: { micro_usd: 5 } }, approvals: { destructive: "marked", by: "operator" } };
  const { code: kept, approvals } = await gateway.manage("PATCH", own.path, said);
  assert.deepEqual({ code: kept, approvals }, said);
  const key = await own.key(["*"], { tools_mode: "code", code: { calls: 1 } });
  assert.deepEqual([key.tools_mode, key.code], ["code", { calls: 1 }]);
  const beyond = await gateway.admin("PATCH", own.path, { code: { limits: { parallel: 7 } } });
  assert.deepEqual([beyond.status, beyond.json.errors[0].pointer], [400, "/code/limits/parallel"]);
});

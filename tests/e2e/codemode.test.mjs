// Code Mode as agents use it: found, run on real servers, caught, limited, paused and resumed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { Session, call, list } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { startReal } from "../upstreams/real.mjs";
import { modernServer, reply, text, tool } from "../upstreams/scripted.mjs";

const { gateway, peers, scripted } = world;

describe("code mode", () => {
  let tenant, key;
  // The answers of calls that wait for one another.
  const waiting = [];

  before(async () => {
    const { time, git, thinking } = await startReal();
    tenant = await gateway.tenant("code");
    const together = modernServer({
      tools: [tool("meet")],
      // Nobody is answered before three are there.
      call: ({ response, message }) => {
        waiting.push(() => reply(response, message.id, text("met")));
        if (waiting.length === 3) waiting.splice(0).forEach((answer) => answer());
      },
    });
    await tenant.server("scripted", scripted.add("together", together));
    for (const [id, url] of Object.entries({ ...peers.urls, time, git, thinking })) await tenant.server(id, url);
    key = (await tenant.key(["*"], { tools_mode: "code" })).secret;
  });

  after(() => gateway.manage("DELETE", tenant.path));

  /** Runs a program; gives what is said of it. */
  async function execute(code, { url = tenant.mcp, as = key, ...options } = {}) {
    const answer = await call(url, as, "execute", { code }, options);
    assert.ok(answer.message?.result, answer.text);
    const { structuredContent, content, isError } = answer.message.result;
    assert.deepEqual(JSON.parse(content[0].text), structuredContent, "text and structured content are the same");
    assert.equal(isError === true, structuredContent.status === "failed");
    return structuredContent;
  }

  test("two tools are listed, whatever there is", async () => {
    assert.deepEqual((await list(tenant.mcp, key)).names, ["search", "execute"]);
    const session = await Session.open(tenant.mcp, key);
    const { tools } = (await session.request("tools/list")).message.result;
    assert.deepEqual(tools.map(({ name }) => name), ["search", "execute"]);
    assert.deepEqual(tools[1].inputSchema.properties, { code: { type: "string" } });
  });

  test("search finds tools of all servers by what they do", async () => {
    const found = async (query) => (await call(tenant.mcp, key, "search", { query })).message.result.content[0].text;
    assert.match(await found("add two numbers"), /namespace fast \{[^}]*add\(/);
    const several = await found("read a file; current time; knowledge graph");
    for (const name of ["files", "time", "memory"]) assert.match(several, new RegExp(`namespace ${name} `));
    assert.match(await found(""), /everything[\s\S]*thinking/);
  });

  test("a program uses five real servers, and its parts run side by side", async () => {
    const { status, result, calls, error } = await execute(`
      const entity = {name: "gate", entityType: "product", observations: ["it scales to zero"]};
      const [sum, file, now, thought] = await Promise.all([
        fast.add({a: 2, b: 40}),
        files.read_text_file({path: ${JSON.stringify(`${peers.folder}/hello.txt`)}}),
        time.get_current_time({timezone: "UTC"}),
        thinking.sequentialthinking({thought: "short", nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1}),
      ]);
      await memory.create_entities({entities: [entity]});
      const graph = await memory.search_nodes({query: "gate"});
      const said = await everything.echo({message: "hi"});
      return {sum, file, timezone: now.timezone, thought: thought.thoughtNumber, known: graph.entities[0].observations, said};
    `);
    assert.equal(status, "completed", JSON.stringify(error));
    assert.equal(result.timezone, "UTC");
    assert.equal(result.thought, 1);
    assert.deepEqual(result.known, ["it scales to zero"]);
    assert.match(JSON.stringify(result.sum), /42/);
    assert.match(JSON.stringify(result.file), /hello from a file/);
    assert.match(JSON.stringify(result.said), /hi/);
    assert.equal(calls.length, 7);
  });

  test("calls that are made together are under way together", async () => {
    const { result } = await execute("return await Promise.all([1, 2, 3].map(n => scripted.meet({n})))");
    assert.deepEqual(result, ["met", "met", "met"]);
  });

  test("errors of tools are caught, or say what was done before", async () => {
    const missing = JSON.stringify(`${peers.folder}/missing.txt`);
    const caught = await execute(`try { await files.read_text_file({path: ${missing}}) } catch (e) { return e.message }`);
    assert.match(caught.result, /ENOENT|no such file/i);
    const failed = await execute(`await fast.add({a: 1, b: 2}); await files.read_text_file({path: ${missing}})`);
    assert.equal(failed.error.kind, "tool");
    assert.equal(failed.error.tool, "files.read_text_file");
    assert.deepEqual(failed.error.completedCalls, [{ tool: "fast.add", ok: true }, { tool: "files.read_text_file", ok: false }]);
  });

  test("what runs away is stopped with the limit's name, and the next is well", async () => {
    const limits = { gas: 100_000_000, calls: 3, source: 1_000, time_ms: 2_000, result: 300, logs: 100 };
    const { secret: as } = await tenant.key(["*"], { tools_mode: "code", code: limits });
    const ends = async (code, limit) => assert.equal((await execute(code, { as })).error.limit, limit, code);
    await ends("for (;;);", "gas");
    await ends("let s = 'x'; for (;;) s += s", "memory");
    await ends("for (;;) await fast.add({a: 1, b: 1})", "calls");
    await ends(`/*${"x".repeat(1_000)}*/`, "source");
    const cut = await execute("console.log('y'.repeat(1000)); return 'x'.repeat(1000)", { as });
    assert.deepEqual([cut.result.length, cut.truncated.bytes], [300, 1000]);
    assert.ok(JSON.stringify(cut.logs).length < 250);
    assert.equal((await execute("return 1 + 1", { as })).result, 2);
  });

  test("nobody runs what they may not call", async () => {
    const { secret: as } = await tenant.key(["fast__add"], { tools_mode: "code" });
    const { result } = await execute("return Object.keys(tools).concat(Object.keys(fast))", { as });
    assert.deepEqual(result, ["fast", "add"]);
    const words = (await call(tenant.mcp, as, "search", { query: "read file" })).message.result.content[0].text;
    assert.doesNotMatch(words, /files|read_text/);
  });

  test("each call leaves its own line, which names the program's request", { skip: !gateway.canRestart && "the log is another's" }, async () => {
    const answer = await call(tenant.mcp, key, "execute", { code: "await fast.add({a: 1, b: 2})" });
    const lines = (what) => gateway.log.split("\n").filter((line) => line.includes(`"${what}":"${answer.headers["x-request-id"]}"`));
    await until("the lines are there", 10, () => lines("parent").length === 1 && lines("request_id").length >= 2);
    assert.match(lines("parent")[0], /"tool":"fast__add"/);
    assert.ok(lines("request_id").some((line) => line.includes("toolgate::execution") && line.includes('"status":"completed"')));
  });

  test("the profile of Bifrost's Code Mode runs the same", async () => {
    const { secret: as } = await tenant.key(["*"], { tools_mode: "bifrost" });
    assert.deepEqual((await list(tenant.mcp, as)).names, ["listToolFiles", "readToolFile", "getToolDocs", "executeToolCode"]);
    const ask = async (name, args) => (await call(tenant.mcp, as, name, args)).message.result;
    assert.match((await ask("listToolFiles", {})).content[0].text, /^servers\/\n[\s\S]*  fast\.d\.ts/);
    assert.match((await ask("readToolFile", { fileName: "servers/fast.d.ts" })).content[0].text, /add\(/);
    assert.match((await ask("getToolDocs", { server: "fast", tool: "add" })).content[0].text, /add/);
    const run = await ask("executeToolCode", { code: "return typeof fast.add" });
    assert.equal(run.structuredContent.result, "function");
  });

  describe("approvals", () => {
    let guarded, calls, code, as;

    before(async () => {
      calls = [];
      guarded = await gateway.tenant("guarded");
      const server = modernServer({
        tools: [tool("look", { annotations: { readOnlyHint: true } }), tool("wipe", { annotations: { destructiveHint: true } })],
        call: ({ name, args }) => (calls.push([name, args]), text(`${name} done`)),
      });
      await guarded.server("disk", scripted.add("disk", server));
      await gateway.manage("PATCH", guarded.path, { approvals: { destructive: "marked" } });
      as = (await guarded.key(["*"], { tools_mode: "code" })).secret;
      code = "const seen = await disk.look({}); return [seen, await disk.wipe({disk: 1})]";
    });

    after(() => gateway.manage("DELETE", guarded.path));

    const pending = async () => (await gateway.manage("GET", `${guarded.path}/approvals`)).items.filter(({ status }) => status === "pending");

    const run = (program) => execute(program, { url: guarded.mcp, as });

    test("a program pauses, an operator approves, and it goes on where it was", async () => {
      const paused = await run(code);
      assert.equal(paused.status, "paused", JSON.stringify(paused));
      assert.deepEqual(paused.paused.waitsFor, ["disk.wipe"]);
      const [waits] = await pending();
      assert.equal(waits.id, paused.paused.executionId);
      assert.deepEqual([waits.calls[0].tool, JSON.parse(waits.calls[0].arguments)], ["wipe", { disk: 1 }]);
      await gateway.manage("POST", `${guarded.path}/approvals/${waits.id}/approve`, { note: "go on" });
      const done = await run(code);
      assert.deepEqual(done.result, ["look done", "wipe done"], JSON.stringify(done));
      assert.deepEqual(calls.map(([name]) => name), ["look", "wipe"], "nothing was done twice");
      assert.deepEqual(await pending(), []);
    });

    test("a denied call is an error that says who denied it", async () => {
      calls.length = 0;
      const caught = "try { await disk.wipe({disk: 2}) } catch (e) { return e.message }";
      const { paused } = await run(caught);
      await gateway.manage("POST", `${guarded.path}/approvals/${paused.executionId}/deny`, { note: "not that one" });
      assert.match((await run(caught)).result, /denied this call: not that one/);
      assert.deepEqual(calls, []);
    });

    for (const versionNegotiation of [undefined, { mode: "auto" }]) {
      test(`the person at a ${versionNegotiation ? "modern" : "legacy"} client is asked, and decides`, async () => {
        calls.length = 0;
        const asked = [];
        const answers = [{ action: "decline" }, { action: "accept", content: { approve: true } }];
        const client = new Client({ name: "suite", version: "1" }, { versionNegotiation, capabilities: { elicitation: { form: {} } } });
        client.setRequestHandler("elicitation/create", ({ params }) => (asked.push(params.message), answers.shift()));
        const requestInit = { headers: { authorization: `Bearer ${as}` } };
        await client.connect(new StreamableHTTPClientTransport(new URL(guarded.mcp), { requestInit }));
        try {
          const ask = async () => (await client.callTool({ name: "execute", arguments: { code } })).structuredContent;
          assert.match((await ask()).error.message, /the person at the client denied/);
          assert.deepEqual((await ask()).result, ["look done", "wipe done"]);
          answers.push({ action: "accept", content: { approve: true } });
          const direct = await client.callTool({ name: "disk__wipe", arguments: { disk: 3 } });
          assert.equal(direct.content[0].text, "wipe done");
          assert.match(asked.at(-1), /disk: wipe \{"disk":3\}/);
          assert.equal(asked.length, 3);
        } finally {
          await client.close();
        }
      });
    }
  });
});

// Upstreams that break: each way has its code, says which server and step, and the next request is served.

import assert from "node:assert/strict";
import { afterEach, before, describe, test } from "node:test";

import { open } from "../lib/http.mjs";
import { call, list, messages, modernRequest, stream } from "../lib/mcp.mjs";
import { growth } from "../lib/memory.mjs";
import { signal, until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { hostile } from "../upstreams/hostile.mjs";
import { beginStream, discovered, modernServer, reply, text, tool } from "../upstreams/scripted.mjs";

const { gateway, scripted } = world;

const UNREACHABLE = -31502;
const TIMEOUT = -31504;
const TOO_LARGE = -31513;
const PROTOCOL = -31520;
const REDIRECT = -31530;

describe("a call to an upstream that breaks", () => {
  let tenant, secret;

  before(async () => {
    tenant = await gateway.tenant("hostile");
    await tenant.server("h", scripted.add(`${tenant.id}/h`, hostile));
    ({ secret } = await tenant.key());
    await list(tenant.mcp, secret);
  });

  afterEach(async () => {
    const { message } = await call(tenant.mcp, secret, "h__fine");
    assert.equal(message?.result?.content[0].text, "fine", "the next request is served");
  });

  for (const [way, code] of [
    ["hang", TIMEOUT],
    ["close", UNREACHABLE],
    ["close_in_the_middle", UNREACHABLE],
    ["close_in_stream", UNREACHABLE],
    ["end_without_answer", UNREACHABLE],
    ["huge", TOO_LARGE],
    ["huge_event", TOO_LARGE],
    ["not_json", PROTOCOL],
    ["wrong_id", PROTOCOL],
    ["wrong_id_in_stream", PROTOCOL],
    ["redirect", REDIRECT],
  ]) {
    test(way, async () => {
      const { status, message, text: body } = await call(tenant.mcp, secret, `h__${way}`);
      assert.equal(status, 200);
      assert.equal(message?.error?.code, code, body.slice(0, 500));
      assert.equal(message.id, 1);
      assert.equal(message.error.data.server, "h");
      assert.ok(message.error.data.step && message.error.data.kind, body);
      assert.ok(!body.includes(new URL(scripted.base).host), "where a server is, no client is told");
    });
  }
});

describe("a list of which one server breaks", () => {
  const lists = {
    hang: () => {},
    not_json: ({ response }) => response.writeHead(200, { "content-type": "application/json" }).end("nonsense"),
    no_list: ({ response, message }) => reply(response, message.id, { resultType: "complete", tools: "none" }),
    endless: ({ response, message }) =>
      reply(response, message.id, { resultType: "complete", tools: [], nextCursor: String(Math.random()), ttlMs: 0, cacheScope: "public" }),
    status_500: ({ response }) => response.writeHead(500).end("no"),
    redirect: ({ response }) => response.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
  };

  for (const [way, answer] of Object.entries(lists)) {
    test(`${way}: the others are listed, and it is named`, async () => {
      const tenant = await gateway.tenant("broken");
      const broken = (exchange) =>
        exchange.method === "server/discover" ? reply(exchange.response, exchange.message.id, discovered) : answer(exchange);
      await tenant.server("bad", scripted.add(`${tenant.id}/bad`, broken));
      await tenant.server("good", scripted.add(`${tenant.id}/good`, modernServer({ tools: [tool("t")], call: () => text("t") })));
      const { secret } = await tenant.key();
      const { names, partial } = await list(tenant.mcp, secret);
      assert.deepEqual(names, ["good__t"]);
      assert.deepEqual(partial.unavailable.map(({ server }) => server), ["bad"]);
    });
  }
});

test("a stream that breaks after it began ends with an error, in band", async () => {
  const tenant = await gateway.tenant("breaks");
  const breaks = modernServer({
    tools: [tool("t")],
    call: ({ response, message }) => {
      beginStream(response)({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress: 1 } });
      response.write(": and then\n\n", () => response.destroy());
    },
  });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, breaks));
  const { secret } = await tenant.key();
  const { status, message } = await call(tenant.mcp, secret, "s__t", {}, { meta: { progressToken: "p" } });
  assert.equal(status, 200);
  assert.equal(message.error.code, UNREACHABLE);
});

test("an upstream at a private address is not asked unless it may be there", async () => {
  const tenant = await gateway.tenant("private");
  let asked = 0;
  const url = scripted.add(`${tenant.id}/s`, () => void asked++);
  const refused = await gateway.admin("PUT", `${tenant.path}/servers/s`, { url, network: "private" });
  if (refused.status < 300) {
    const { secret } = await tenant.key();
    const { partial } = await list(tenant.mcp, secret);
    assert.deepEqual(partial.unavailable.map(({ server }) => server), ["s"]);
  } else assert.equal(refused.status, 400, refused.text);
  assert.equal(asked, 0);
});

test("a server that loses its sessions is greeted again, once for each", async () => {
  const tenant = await gateway.tenant("forgetful");
  const seen = { initialized: 0, called: 0 };
  const sessions = new Set();
  const forgetful = ({ request, response, message, method }) => {
    const session = request.headers["mcp-session-id"];
    const json = (status, body, headers = {}) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    const result = (value, headers) => json(200, { jsonrpc: "2.0", id: message.id, result: value }, headers);
    if (method === "initialize") {
      sessions.add(`s${++seen.initialized}`);
      const about = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "forgetful", version: "1" } };
      return result(about, { "mcp-session-id": `s${seen.initialized}` });
    }
    if (method === "server/discover") return json(404, { jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "no" } });
    if (!sessions.has(session)) return json(404, { jsonrpc: "2.0", id: message.id ?? null, error: { code: -32001, message: "Session not found" } });
    if (message.id === undefined) return void response.writeHead(202).end();
    if (method === "tools/list") return result({ tools: [tool("t")] });
    seen.called++;
    return result({ content: [{ type: "text", text: session }] });
  };
  await tenant.server("s", scripted.add(`${tenant.id}/s`, forgetful));
  const { secret } = await tenant.key();
  const first = await call(tenant.mcp, secret, "s__t");
  assert.match(first.message.result.content[0].text, /^s\d+$/);
  const before = seen.initialized;
  sessions.clear();
  const second = await call(tenant.mcp, secret, "s__t");
  assert.match(second.message?.result?.content[0].text ?? second.text, /^s\d+$/);
  assert.notEqual(second.message.result.content[0].text, first.message.result.content[0].text);
  assert.equal(seen.called, 2, "no call was made twice");
  assert.ok(seen.initialized > before);
});

test("a server that talks without end does not keep others from being served", async () => {
  const tenant = await gateway.tenant("endless");
  const endless = modernServer({
    tools: [tool("talk"), tool("quick")],
    call: async ({ name, response, message }) => {
      if (name === "quick") return text("quick");
      const say = beginStream(response);
      for (let progress = 1; !response.destroyed; progress++) {
        const taken = say({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress } });
        // Faster than anybody reads, but not so that this process has time for nothing else.
        if (!taken || progress % 100 === 0) await new Promise((done) => setImmediate(done));
        if (progress > 1_000_000) return void response.destroy();
      }
    },
  });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, endless));
  const { secret } = await tenant.key();
  const request = modernRequest(secret, "tools/call", { name: "s__talk", arguments: {} }, { meta: { progressToken: "p" } });
  let heard = 0;
  for await (const { params } of stream(tenant.mcp, request)) {
    assert.equal(params.progressToken, "p");
    if (++heard === 500) break;
  }
  assert.equal((await call(tenant.mcp, secret, "s__quick")).message.result.content[0].text, "quick");
});

/** Writes to a stream as fast as it is read, without keeping this process from everything else; what it writes comes from `next`. */
async function pourEvents(response, next) {
  for (let number = 1; !response.destroyed && number < 5_000_000; number++) {
    const taken = response.write(next(number));
    if (!taken) await new Promise((done) => response.once("drain", done).once("close", done));
    else if (number % 100 === 0) await new Promise((done) => setImmediate(done));
  }
}

/** More than any of the gateway's bounds lets a server make it hold; far less than what is poured out here. */
const MEGABYTES = 192;
const notice = (params) => `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params })}\n\n`;

describe("a server that never ends", () => {
  const endless = {
    // Nothing of it is for the client, who waits.
    places: () => (number) => `id: ${number}\ndata\n\n`,
    comments: () => () => `: ${"x".repeat(1000)}\n\n`,
    notices: ({ token }) => (number) => notice({ progressToken: token, progress: number }),
    events: ({ token }) => (number) => notice({ progressToken: token, progress: number, message: "x".repeat(100_000) }),
  };

  for (const [way, writer] of Object.entries(endless)) {
    test(`${way}: is cut off, and no more is held than is allowed`, async () => {
      const tenant = await gateway.tenant("pours");
      const over = signal();
      const serve = modernServer({
        tools: [tool("pour"), tool("fine")],
        call: async ({ name, response, message }) => {
          if (name === "fine") return text("fine");
          beginStream(response);
          await pourEvents(response, writer({ token: message.params._meta.progressToken }));
          over.resolve();
        },
      });
      await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
      const { secret } = await tenant.key();
      await list(tenant.mcp, secret);
      const grown = await growth(gateway.process?.pid, async () => {
        let last;
        const request = modernRequest(secret, "tools/call", { name: "s__pour", arguments: {} }, { meta: { progressToken: "p" } });
        for await (const message of messages(tenant.mcp, request)) last = message;
        assert.equal(last.error?.code, TOO_LARGE, JSON.stringify(last).slice(0, 300));
        await over.promise;
      });
      assert.ok(grown < MEGABYTES, `${grown} MB`);
      assert.equal((await call(tenant.mcp, secret, "s__fine")).message.result.content[0].text, "fine");
    });
  }

  test("and a client that listens and never reads makes the gateway hold nothing", { skip: gateway.up.target === "lambda" && "a stream is read by the platform there" }, async () => {
    const tenant = await gateway.tenant("deaf");
    let written = 0;
    const serve = modernServer({ tools: [tool("t")], call: () => text("t") });
    const talking = async (exchange) => {
      const { response, message, method } = exchange;
      if (method === "server/discover") return reply(response, message.id, { ...discovered, capabilities: { tools: { listChanged: true } } });
      if (method !== "subscriptions/listen") return serve(exchange);
      const tag = { "io.modelcontextprotocol/subscriptionId": message.id };
      const say = beginStream(response);
      say({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params: { _meta: tag, notifications: { toolsListChanged: true } } });
      const changed = `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { _meta: { ...tag, x: "x".repeat(10_000) } } })}\n\n`;
      await pourEvents(response, () => ((written += changed.length), changed));
    };
    await tenant.server("s", scripted.add(`${tenant.id}/s`, talking));
    const { secret } = await tenant.key();
    const request = modernRequest(secret, "subscriptions/listen", { notifications: { toolsListChanged: true } });
    const grown = await growth(gateway.process?.pid, async () => {
      const response = await open(tenant.mcp, request);
      await until("the server is not read any more", 60, async () => {
        const before = written;
        await new Promise((done) => setTimeout(done, 1000));
        return before > 0 && written === before;
      });
      assert.equal((await call(tenant.mcp, secret, "s__t")).message.result.content[0].text, "t");
      response.destroy();
    });
    assert.ok(grown < MEGABYTES, `${grown} MB`);
  });
});

test("two calls that a server answers with each other's ids get errors, and nothing of each other", async () => {
  const tenant = await gateway.tenant("swapped");
  const waiting = [];
  const both = signal();
  const serve = modernServer({
    tools: [tool("t")],
    call: async ({ args, response, message }) => {
      waiting.push({ id: message.id, word: args.word });
      if (waiting.length === 2) both.resolve();
      await both.promise;
      const other = waiting.find(({ word }) => word !== args.word);
      reply(response, other.id, text(other.word));
    },
  });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
  const keys = [await tenant.key(), await tenant.key()];
  await list(tenant.mcp, keys[0].secret);
  const answers = await Promise.all(keys.map(({ secret }, n) => call(tenant.mcp, secret, "s__t", { word: `word-${n}` }, { id: 7 })));
  // Instances that do not share their counters may have given both the same id: then each got what it asked for, or an error.
  answers.forEach(({ message, text: body }, n) => {
    assert.ok(message.error?.code === PROTOCOL || waiting[0].id === waiting[1].id, body);
    if (message.error) assert.ok(!body.includes(`word-${1 - n}`), body);
  });
});

test("a server that names another session with each answer is spoken to in the one that it began", async () => {
  const tenant = await gateway.tenant("fickle");
  const said = [];
  let begun = 0;
  const fickle = ({ request, response, message, method }) => {
    const json = (status, body, headers = {}) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    const result = (value) => json(200, { jsonrpc: "2.0", id: message.id, result: value }, { "mcp-session-id": method === "initialize" ? `good-${++begun}` : `evil-${said.length}` });
    if (method === "server/discover") return json(404, { jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "no" } });
    if (method !== "initialize") said.push(request.headers["mcp-session-id"]);
    if (method === "initialize") return result({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "fickle", version: "1" } });
    if (message.id === undefined) return void response.writeHead(202, { "mcp-session-id": "evil" }).end();
    return result(method === "tools/list" ? { tools: [tool("t")] } : { content: [{ type: "text", text: "t" }] });
  };
  await tenant.server("s", scripted.add(`${tenant.id}/s`, fickle));
  const { secret } = await tenant.key();
  for (let n = 0; n < 3; n++) assert.equal((await call(tenant.mcp, secret, "s__t")).message.result.content[0].text, "t");
  assert.ok(said.length > 3 && said.every((session) => /^good-\d+$/.test(session)), JSON.stringify(said));
});

test("a server that fails again and again is left alone for a while, and its health says so", async () => {
  const tenant = await gateway.tenant("resting");
  let asked = 0;
  const failing = modernServer({
    tools: [tool("t")],
    call: ({ response }) => {
      asked++;
      response.writeHead(500).end("no");
    },
  });
  await tenant.server("s", scripted.add(`${tenant.id}/s`, failing));
  const { secret } = await tenant.key();
  // On some targets the calls are spread over several instances, each of which has to learn it.
  const resting = await until("the server is left alone", 60, async () => {
    const before = asked;
    const { message } = await call(tenant.mcp, secret, "s__t");
    assert.equal(message.error.code, UNREACHABLE);
    if (message.error.data.kind !== "resting") return false;
    assert.equal(asked, before, "it was not asked");
    return message.error;
  });
  assert.ok(resting.data.retry_after_ms > 0 && resting.data.retry_after_ms <= 12_000, JSON.stringify(resting));
  const health = await until("its health is known", 60, async () => {
    const { json } = await gateway.admin("GET", `${tenant.path}/servers/s/health`);
    return json.status === "down" && json;
  });
  assert.match(health.last_failure.message, /500/);
  assert.equal(health.last_failure.step, "call");
});

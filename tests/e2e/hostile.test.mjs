// Upstreams that break: each way has its code, says which server and step, and the next request is served.

import assert from "node:assert/strict";
import { afterEach, before, describe, test } from "node:test";

import { call, list } from "../lib/mcp.mjs";
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
    ["redirect", REDIRECT],
  ]) {
    test(way, async () => {
      const { status, message, text: body } = await call(tenant.mcp, secret, `h__${way}`);
      assert.equal(status, 200);
      assert.equal(message?.error?.code, code, body.slice(0, 500));
      assert.equal(message.id, 1);
      assert.equal(message.error.data.server, "h");
      assert.ok(message.error.data.step && message.error.data.kind, body);
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

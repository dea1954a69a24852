// An answer arrives in pieces: the next is sent only after the one before was seen at the other end of the gateway.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { send } from "../lib/http.mjs";
import { Session, modernRequest, raw, stream } from "../lib/mcp.mjs";
import { signal } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { beginStream, legacyServer, modernServer, reply, text, tool } from "../upstreams/scripted.mjs";

const { gateway, peers, key, scripted } = world;

describe("a streamed answer", () => {
  test("of a scripted server arrives event by event, unchanged but for nothing", async () => {
    const steps = [signal(), signal(), signal()];
    const tenant = await gateway.tenant("stream");
    const serve = modernServer({
      tools: [tool("t")],
      call: async ({ response, message }) => {
        const write = beginStream(response);
        for (const [index, step] of steps.entries()) {
          write({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress: index + 1, "x-vendor": 1.5 } });
          await step.promise;
        }
        write({ jsonrpc: "2.0", id: message.id, result: text("done") });
        response.end();
      },
    });
    await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
    const { secret } = await tenant.key();
    const request = modernRequest(secret, "tools/call", { name: "s__t", arguments: {} }, { meta: { progressToken: "tok" }, id: "my id" });
    const seen = [];
    for await (const message of stream(tenant.mcp, request)) {
      seen.push(message);
      if (message.method) steps[message.params.progress - 1].resolve();
    }
    assert.deepEqual(seen.slice(0, 3).map(({ params }) => [params.progressToken, params.progress, params["x-vendor"]]), [1, 2, 3].map((n) => ["tok", n, 1.5]));
    assert.equal(seen[3].id, "my id");
    assert.equal(seen[3].result.content[0].text, "done");
  });

  test("of FastMCP arrives step by step", async () => {
    const params = { name: "fast__stepwise", arguments: { steps: 3 } };
    const seen = [];
    for await (const message of stream(gateway.up.mcp_url, modernRequest(key, "tools/call", params, { meta: { progressToken: 1 } }))) {
      seen.push(message);
      if (message.method === "notifications/progress") await send(peers.urls.fast.replace("/mcp", "/seen"), { method: "POST" });
    }
    assert.deepEqual(seen.filter(({ method }) => method).map(({ params: { progress } }) => progress), [1, 2, 3]);
    assert.equal(seen.at(-1).result.content[0].text, "all steps seen");
  });

  test("that its client leaves in the middle harms nobody", async () => {
    const tenant = await gateway.tenant("leave");
    const serve = modernServer({
      tools: [tool("t"), tool("u")],
      call: ({ name, response, message }) => {
        if (name === "u") return text("served");
        // What comes after is never written: the gateway ends it, or gives it up for its silence.
        beginStream(response)({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress: 1 } });
      },
    });
    await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
    const { secret } = await tenant.key();
    for (let round = 0; round < 3; round++) {
      const request = modernRequest(secret, "tools/call", { name: "s__t", arguments: {} }, { meta: { progressToken: "p" } });
      for await (const message of stream(tenant.mcp, request)) {
        assert.equal(message.params.progress, 1);
        break;
      }
      const next = await send(tenant.mcp, modernRequest(secret, "tools/call", { name: "s__u", arguments: {} }));
      assert.match(next.text, /served/);
    }
  });

  // Lambda does not say that a client is gone.
  const skip = gateway.up.target === "lambda" && "the platform does not say that a client is gone";

  test("that a modern client leaves is ended at a modern server", { skip }, async () => {
    const tenant = await gateway.tenant("ends");
    const ended = signal();
    const serve = modernServer({
      tools: [tool("t")],
      call: ({ response, message }) => {
        response.on("close", ended.resolve);
        beginStream(response)({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress: 1 } });
      },
    });
    await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
    const { secret } = await tenant.key();
    for await (const message of stream(tenant.mcp, modernRequest(secret, "tools/call", { name: "s__t", arguments: {} }, { meta: { progressToken: "p" } }))) {
      assert.equal(message.params.progress, 1);
      break;
    }
    await ended.promise;
  });

  for (const [what, says] of [
    ["in the middle of an answer", true],
    ["before the answer began", false],
  ]) {
    test(`that a modern client leaves ${what} is cancelled at a legacy server`, { skip }, async () => {
      const tenant = await gateway.tenant("cancels");
      const [called, cancelled] = [signal(), signal()];
      const serve = legacyServer({
        tools: [tool("t")],
        call: ({ response, message }) => {
          const say = beginStream(response);
          if (says) say({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken, progress: 1 } });
          called.resolve(message.id);
        },
        notified: ({ method, params }) => void (method === "notifications/cancelled" && cancelled.resolve(params.requestId)),
      });
      await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
      const { secret } = await tenant.key();
      const leaves = new AbortController();
      const { headers, body } = modernRequest(secret, "tools/call", { name: "s__t", arguments: {} }, { meta: { progressToken: "p" } });
      const fetched = fetch(tenant.mcp, { method: "POST", headers, body, signal: leaves.signal }).catch(() => {});
      const id = await called.promise;
      if (says) {
        const reader = (await fetched).body.getReader();
        await reader.read();
      }
      leaves.abort();
      assert.equal(await cancelled.promise, id);
    });
  }

  test("that a legacy client cancels is said to a legacy server, by the client's own id; that it leaves is not", { skip }, async () => {
    const tenant = await gateway.tenant("says");
    const [called, cancelled] = [signal(), signal()];
    const notified = [];
    const serve = legacyServer({
      tools: [tool("t"), tool("u")],
      call: ({ response, message, name }) => {
        if (name === "u") return reply(response, message.id, { content: [] });
        beginStream(response)({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: 1 } });
        called.resolve(message.id);
      },
      notified: ({ method, params }) => {
        notified.push(method);
        if (method === "notifications/cancelled") cancelled.resolve(params.requestId);
      },
    });
    await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
    const { secret } = await tenant.key();
    const session = await Session.open(tenant.mcp, secret);
    for await (const message of session.stream("tools/call", { name: "s__t", arguments: {} })) {
      assert.equal(message.method, "notifications/message");
      break;
    }
    const id = await called.promise;
    await session.request("tools/call", { name: "s__u", arguments: {} });
    assert.ok(!notified.includes("notifications/cancelled"));
    await session.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
    assert.equal(await cancelled.promise, id);
  });

  test("and the gateway serves others meanwhile", async () => {
    const go = signal();
    const tenant = await gateway.tenant("meanwhile");
    const serve = modernServer({
      tools: [tool("slow"), tool("quick")],
      call: async ({ name }) => {
        if (name === "slow") await go.promise;
        return text(name);
      },
    });
    await tenant.server("s", scripted.add(`${tenant.id}/s`, serve));
    const { secret } = await tenant.key();
    const slow = send(tenant.mcp, modernRequest(secret, "tools/call", { name: "s__slow", arguments: {} }));
    const quick = await send(tenant.mcp, modernRequest(secret, "tools/call", { name: "s__quick", arguments: {} }));
    assert.match(quick.text, /quick/);
    go.resolve();
    assert.match((await slow).text, /slow/);
  });
});

test("a health check answers without a key", async () => {
  assert.equal((await send(`${gateway.up.base_url}/healthz`)).status, 200);
  assert.ok([401, 405, 415].includes((await raw(gateway.up.mcp_url, undefined, {})).status));
});

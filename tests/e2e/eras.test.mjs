// One endpoint, two eras: what each is answered when nothing is wrong.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { MODERN, Session, message, modern, raw } from "../lib/mcp.mjs";
import { world } from "../lib/world.mjs";

const { gateway, key } = world;
const url = gateway.up.mcp_url;

describe("the modern era", () => {
  test("server/discover says what is there", async () => {
    const { status, message: answer } = await modern(url, key, "server/discover");
    assert.equal(status, 200);
    const { result } = answer;
    assert.equal(result.resultType, "complete");
    assert.ok(result.supportedVersions.includes(MODERN));
    assert.ok(result.capabilities.tools);
    assert.ok(Number.isInteger(result.ttlMs) && ["public", "private"].includes(result.cacheScope));
  });

  test("a list carries what a cache must know", async () => {
    const { message: answer } = await modern(url, key, "tools/list");
    assert.equal(answer.result.resultType, "complete");
    assert.ok(Number.isInteger(answer.result.ttlMs));
    assert.equal(answer.result.cacheScope, "private", "what a key sees is for that key");
  });

  test("the id comes back as it was", async () => {
    for (const id of [7, "seven", "\u00e4\n"]) {
      const answer = await modern(url, key, "tools/list", {}, { id });
      assert.equal(answer.message.id, id);
    }
  });

  test("what the revision removed is not there", async () => {
    for (const method of ["initialize", "ping", "logging/setLevel", "tools/unheard"]) {
      const answer = await modern(url, key, method);
      assert.equal(answer.status, 404, method);
      assert.equal(answer.message.error.code, -32601, method);
    }
  });

  test("a session id means nothing", async () => {
    const answer = await modern(url, key, "tools/list", {}, { headers: { "mcp-session-id": "junk" } });
    assert.equal(answer.status, 200);
  });
});

describe("the legacy era", () => {
  for (const version of ["2025-11-25", "2025-06-18", "2025-03-26"]) {
    test(`${version}: initialize, ping, list, call`, async () => {
      const session = await Session.open(url, key, version);
      assert.equal(session.result.protocolVersion, version);
      assert.ok(session.result.capabilities.tools);
      assert.match(session.id, /^[\x21-\x7e]+$/);
      assert.deepEqual((await session.request("ping")).message.result, {});
      const { tools } = (await session.request("tools/list")).message.result;
      assert.ok(tools.some((tool) => tool.name === "fast__add"));
      const answer = await session.request("tools/call", { name: "fast__add", arguments: { a: 20, b: 22 } });
      assert.equal(answer.message.result.content[0].text, "42");
    });
  }

  test("a version nobody knows is answered with the newest of the era", async () => {
    for (const version of ["2099-01-01", MODERN]) {
      const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: "x", version: "1" } };
      const answer = await raw(url, key, message("initialize", params));
      assert.equal(answer.message.result.protocolVersion, "2025-11-25");
    }
  });

  test("a session belongs to the key that opened it", async () => {
    const session = await Session.open(url, key);
    const { secret } = await gateway.demo.key();
    const answer = await raw(url, secret, message("tools/list", {}), { "mcp-session-id": session.id, "mcp-protocol-version": "2025-11-25" });
    assert.equal(answer.status, 404, answer.text);
  });

  test("a session that isn't one is not found", async () => {
    const answer = await raw(url, key, message("tools/list", {}), { "mcp-session-id": "junk", "mcp-protocol-version": "2025-11-25" });
    assert.equal(answer.status, 404, answer.text);
  });
});

// Bad input: each kind has its status and code, and the next request is served.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { LEGACY, MODERN, Session, call, message, modern, raw } from "../lib/mcp.mjs";
import { world } from "../lib/world.mjs";

const { gateway, key } = world;
const url = gateway.up.mcp_url;

afterEach(async () => {
  const { message: answer } = await call(url, key, "fast__add", { a: 1, b: 1 });
  assert.equal(answer?.result?.content[0].text, "2", "the next request is served");
});

async function expect(answered, status, code) {
  const answer = await answered;
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.message?.error?.code, code, answer.text);
  return answer;
}

const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);
const modernHeaders = { "mcp-protocol-version": MODERN, "mcp-method": "tools/list" };

describe("bodies", () => {
  for (const body of ["{", "", "nonsense", '{"jsonrpc":"2.0","id":1,"method":"ping"}}', '{"a":"\\ud800x\u0001"}', "\ufeff{}"]) {
    test(`${JSON.stringify(body)} is no JSON`, () => expect(raw(url, key, body), 400, -32700));
  }

  test("bytes that are no UTF-8 are no JSON", () => expect(raw(url, key, Buffer.from([0x22, 0xff, 0xfe, 0x22])), 400, -32700));

  for (const body of ['"text"', "1", "null", "{}", '{"jsonrpc":"1.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":{},"method":"ping"}']) {
    test(`${body} is JSON but no message`, () => expect(raw(url, key, body), 400, -32600));
  }

  test("another content type is not taken", async () => {
    for (const type of ["text/plain", undefined]) {
      assert.equal((await raw(url, key, message("ping", {}), { "content-type": type })).status, 415, type);
    }
  });

  test("10 MB are too much", async () => {
    const body = JSON.stringify(message("tools/call", { name: "x", arguments: { a: "x".repeat(10 << 20) } }));
    assert.equal((await raw(url, key, body)).status, 413);
  });

  test("10 MB of unknown length are too much", async () => {
    const body = JSON.stringify(message("tools/call", { name: "x", arguments: { a: "x".repeat(10 << 20) } }));
    assert.equal((await raw(url, key, body, { "transfer-encoding": "chunked" })).status, 413);
  });

  test("10,000 levels are too deep", () =>
    expect(raw(url, key, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fast__add","arguments":${nested(10_000)}}}`), 400, -32700));

  test("10,000 levels are too deep in a modern request's arguments too", () => {
    const meta = JSON.stringify({ "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {} });
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fast__add","arguments":${nested(10_000)},"_meta":${meta}}}`;
    return expect(raw(url, key, body, { ...modernHeaders, "mcp-method": "tools/call", "mcp-name": "fast__add" }), 400, -32700);
  });

  for (const version of [MODERN, LEGACY, "2025-06-18"]) {
    test(`a batch is not allowed in ${version}`, () => expect(raw(url, key, [message("ping", {})], { "mcp-protocol-version": version }), 400, -32600));
  }

  test("a batch is answered in 2025-03-26", async () => {
    const session = await Session.open(url, key, "2025-03-26");
    const answer = await session.post([message("ping", {}, 1), message("ping", {}, 2)]);
    assert.equal(answer.status, 200, answer.text);
    const ids = JSON.parse(answer.text.replace(/^[\s\S]*?data: ?/, "")).map(({ id }) => id);
    assert.deepEqual(ids.toSorted(), [1, 2]);
  });
});

describe("headers and body", () => {
  for (const [what, headers] of [
    ["the method", { "mcp-method": "tools/call" }],
    ["no method", { "mcp-method": undefined }],
    ["the version", { "mcp-protocol-version": LEGACY }],
    ["no version", { "mcp-protocol-version": undefined }],
  ]) {
    test(`a header that disagrees: ${what}`, () => expect(modern(url, key, "tools/list", {}, { headers }), 400, -32020));
  }

  for (const [what, name] of [
    ["another name", "fast__stepwise"],
    ["no name", undefined],
    ["broken base64", "=?base64?***?="],
  ]) {
    test(`a header that disagrees: ${what}`, () =>
      expect(modern(url, key, "tools/call", { name: "fast__add", arguments: { a: 1, b: 1 } }, { headers: { "mcp-name": name } }), 400, -32020));
  }

  test("a name in base64 agrees", async () => {
    const name = `=?base64?${Buffer.from("fast__add").toString("base64")}?=`;
    const answer = await modern(url, key, "tools/call", { name: "fast__add", arguments: { a: 1, b: 1 } }, { headers: { "mcp-name": name } });
    assert.equal(answer.message.result.content[0].text, "2");
  });

  test("an unknown version is named beside the known ones", async () => {
    const version = "2099-01-01";
    const meta = { "io.modelcontextprotocol/protocolVersion": version };
    const answer = await expect(modern(url, key, "tools/list", {}, { meta, headers: { "mcp-protocol-version": version } }), 400, -32022);
    assert.equal(answer.message.error.data.requested, version);
    assert.ok(answer.message.error.data.supported.includes(MODERN));
  });

  test("a modern header without its _meta", () => expect(raw(url, key, message("tools/list", {}), modernHeaders), 400, -32602));

  test("a header of 200 KB is refused", async () => {
    const answer = await modern(url, key, "tools/list", {}, { headers: { "x-huge": "x".repeat(200_000) } });
    assert.equal(answer.status, 431, answer.text);
  });
});

describe("methods and tools", () => {
  for (const name of ["fast__nothing", "nothing__add", "add", "", "__", "fast__", "x".repeat(5000)]) {
    test(`there is no tool ${JSON.stringify(name.slice(0, 20))}`, async () => {
      const answer = await expect(call(url, key, name), 200, -32602);
      assert.equal(answer.message.id, 1);
    });
  }

  for (const member of ["name", "arguments", "argum\\u0065nts", "ref"]) {
    test(`${member} twice in a request is none: which of the two would be meant?`, () => {
      const meta = JSON.stringify({ "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {} });
      const params = `{"name":"fast__add","arguments":{"a":1,"b":1},"ref":{},"${member}":{},"_meta":${meta}}`;
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
      return expect(raw(url, key, body, { ...modernHeaders, "mcp-method": "tools/call", "mcp-name": "fast__add" }), 400, -32602);
    });
  }

  test("a name that is no text", () => expect(modern(url, key, "tools/call", { name: 7 }, { headers: { "mcp-name": "7" } }), 400, -32602));

  test("an unknown method in a legacy session", async () => {
    const session = await Session.open(url, key);
    const answer = await session.request("nothing/here");
    assert.equal(answer.message.error.code, -32601, answer.text);
  });
});

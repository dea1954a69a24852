// What passes through clients and comes back (sessions, states, ids of questions): of use to nobody but the one it was given to, and as
// it was given only.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { LEGACY, Session, call, modern, raw } from "../lib/mcp.mjs";
import { world } from "../lib/world.mjs";
import { startFixture } from "../upstreams/fixture.mjs";

const { gateway } = world;

const CAN = { elicitation: {} };
const able = { "io.modelcontextprotocol/clientCapabilities": CAN };
const accept = (content) => ({ action: "accept", content });

/** `text` with one character in its middle changed. */
function altered(text) {
  const at = Math.floor(text.length / 2);
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

describe("handles", () => {
  let one, other, foreign, url, foreignUrl;

  before(async () => {
    const [tenant, another] = [await gateway.tenant("handles"), await gateway.tenant("foreign")];
    const [legacy, modern] = await Promise.all([startFixture("legacy"), startFixture("modern")]);
    for (const of of [tenant, another]) {
      await of.server("legacy", legacy);
      await of.server("modern", modern);
    }
    one = (await tenant.key()).secret;
    other = (await tenant.key()).secret;
    foreign = (await another.key()).secret;
    [url, foreignUrl] = [tenant.mcp, another.mcp];
  });

  test("a session is its key's alone, and no other can be made of it", async () => {
    const session = await Session.open(url, one);
    const ping = (at, key, id) => raw(at, key, { jsonrpc: "2.0", id: 1, method: "ping" }, { "mcp-session-id": id, "mcp-protocol-version": LEGACY });
    assert.equal((await ping(url, one, session.id)).status, 200);
    for (const [what, at, key, id] of [
      ["another key", url, other, session.id],
      ["another tenant", foreignUrl, foreign, session.id],
      ["altered", url, one, altered(session.id)],
      ["cut short", url, one, session.id.slice(0, -8)],
      ["made up", url, one, "0123456789abcdef"],
    ]) {
      assert.equal((await ping(at, key, id)).status, 404, what);
    }
  });

  const asks = (key, params = {}, at = url, name = "legacy__test_input_required_result_elicitation") =>
    modern(at, key, "tools/call", { name, arguments: {}, ...params }, { meta: able });

  test("a call that waits goes on for the one that it asked, once", async () => {
    const { message } = await asks(one);
    const { inputRequests, requestState } = message.result;
    assert.equal(message.result.resultType, "input_required");
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((name) => [name, accept({ name: "Alice" })]));
    for (const [what, answer] of [
      ["another key", asks(other, { inputResponses, requestState })],
      ["another tenant", asks(foreign, { inputResponses, requestState }, foreignUrl)],
      ["altered", asks(one, { inputResponses, requestState: altered(requestState) })],
      ["another tool", asks(one, { inputResponses, requestState }, url, "legacy__test_input_required_result_sampling")],
      ["other arguments", asks(one, { arguments: { more: 1 }, inputResponses, requestState })],
    ]) {
      assert.equal((await answer).message.error?.code, -32602, what);
    }
    const done = await asks(one, { inputResponses, requestState });
    assert.equal(done.message.result.content[0].text, "Hello, Alice!");
  });

  test("a question to a legacy client is answered by that client alone", async () => {
    const mine = await Session.open(url, one, LEGACY, CAN);
    const theirs = await Session.open(url, other, LEGACY, CAN);
    for (const server of ["legacy", "modern"]) {
      const stream = mine.stream("tools/call", { name: `${server}__test_elicitation`, arguments: { message: "Who?" } });
      const { value: question } = await stream.next();
      assert.equal(question.method, "elicitation/create", JSON.stringify(question));
      const answer = (username, id = question.id) => ({ jsonrpc: "2.0", id, result: accept({ username, email: "a@b.test" }) });
      await theirs.post(answer("Mallory"));
      await mine.post(answer("Mallory", altered(question.id)));
      assert.equal((await mine.post(answer("Alice"))).status, 202);
      const { value: last } = await stream.next();
      assert.match(last.result.content[0].text, /Alice/);
    }
  });

  test("calls with the same id at the same time get each its own answer", async () => {
    const keys = [one, other];
    const prompts = Array.from({ length: 24 }, (_, n) => ({ key: keys[n % 2], server: n % 3 ? "legacy" : "modern", word: `word-${n}` }));
    const answers = await Promise.all(
      prompts.map(({ key, server, word }) =>
        modern(url, key, "prompts/get", { name: `${server}__test_prompt_with_arguments`, arguments: { arg1: word, arg2: "x" } }, { id: 7 }),
      ),
    );
    answers.forEach(({ message, text }, n) => {
      assert.equal(message.id, 7);
      assert.ok(message.result.messages[0].content.text.includes(`'${prompts[n].word}'`), text);
    });
  });

  test("without what it needs to be asked, a client is told and not asked", async () => {
    const { message } = await call(url, one, "modern__test_input_required_result_elicitation");
    assert.equal(message.error.code, -32021);
    const session = await Session.open(url, one);
    const answer = await session.request("tools/call", { name: "modern__test_elicitation", arguments: { message: "Who?" } });
    assert.ok(answer.message.error, answer.text);
  });
});

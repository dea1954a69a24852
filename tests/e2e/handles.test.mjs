// What passes through clients and comes back (sessions, states, ids of questions): of use to nobody but the one it was given to, and as
// it was given only.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { open, send } from "../lib/http.mjs";
import { LEGACY, Session, call, modern, raw } from "../lib/mcp.mjs";
import { until } from "../lib/wait.mjs";
import { world } from "../lib/world.mjs";
import { startFixture } from "../upstreams/fixture.mjs";
import { discovered, reply, tool } from "../upstreams/scripted.mjs";

const { gateway, scripted } = world;

const TASKS = "io.modelcontextprotocol/tasks";

const CAN = { elicitation: {} };
const able = { "io.modelcontextprotocol/clientCapabilities": CAN };
const accept = (content) => ({ action: "accept", content });

/** `text` with one character in its middle changed. */
function altered(text) {
  const at = Math.floor(text.length / 2);
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

describe("handles", () => {
  let tenants, one, other, foreign, url, foreignUrl;

  before(async () => {
    const [tenant, another] = (tenants = [await gateway.tenant("handles"), await gateway.tenant("foreign")]);
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
    const again = await asks(one, { inputResponses, requestState });
    assert.equal(again.message.error?.code, -32602, "it is over, and can't be had twice");
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

  test("sessions with the same ids at the same time get each their own answers", async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, (_, n) => Session.open(url, [one, other][n % 2])));
    const asked = sessions.flatMap((session, n) => ["legacy", "modern"].map((server) => ({ session, server, word: `word-${n}-${server}` })));
    const answers = await Promise.all(
      asked.map(({ session, server, word }) => {
        const params = { name: `${server}__test_prompt_with_arguments`, arguments: { arg1: word, arg2: "x" } };
        return session.post({ jsonrpc: "2.0", id: 7, method: "prompts/get", params });
      }),
    );
    answers.forEach(({ message, text }, n) => {
      assert.equal(message.id, 7);
      assert.ok(message.result.messages[0].content.text.includes(`'${asked[n].word}'`), text);
    });
  });

  test("a stream is taken up by the session that it was given to, and by no other", async () => {
    const name = "legacy__test_reconnection";
    const [mine, sibling, theirs] = await Promise.all([one, one, other].map((key) => Session.open(url, key)));
    const { text } = await mine.request("tools/call", { name, arguments: {} });
    const event = /^id: ?(\S+)$/m.exec(text)?.[1];
    assert.ok(event, text);
    const takeUp = (session, id) =>
      send(session.url, {
        headers: { authorization: `Bearer ${session.key}`, accept: "text/event-stream", "mcp-session-id": session.id, "mcp-protocol-version": LEGACY, "last-event-id": id },
      });
    // Who can't take it up may still listen, to nothing: such a stream has no end of its own.
    const refused = async (session, id) => {
      const response = await open(session.url, {
        headers: { authorization: `Bearer ${session.key}`, accept: "text/event-stream", "mcp-session-id": session.id, "mcp-protocol-version": LEGACY, "last-event-id": id },
      });
      const heard = [];
      const listens = (async () => {
        for await (const chunk of response) heard.push(String(chunk));
      })().catch(() => {});
      await Promise.race([listens, new Promise((done) => setTimeout(done, 500))]);
      response.destroy();
      assert.ok(!heard.join("").includes("taken up again"), heard.join(""));
    };
    await refused(theirs, event);
    await refused(sibling, event);
    await refused(mine, altered(event));
    assert.match((await takeUp(mine, event)).text, /The stream was taken up again/);
  });

  test("a task is its principal's alone", async () => {
    const served = [];
    const serve = ({ response, message, method }) => {
      if (method === "server/discover") return reply(response, message.id, { ...discovered, capabilities: { tools: {}, extensions: { [TASKS]: {} } } });
      if (method === "tools/list") return reply(response, message.id, { resultType: "complete", tools: [tool("t")], ttlMs: 60000, cacheScope: "public" });
      const task = { taskId: "task-1", status: "working", createdAt: "2026-01-01T00:00:00Z", lastUpdatedAt: "2026-01-01T00:00:00Z", ttlMs: null };
      if (method === "tools/call") return reply(response, message.id, { resultType: "task", ...task });
      served.push([method, message.params.taskId]);
      return reply(response, message.id, { resultType: "complete", ...task });
    };
    for (const tenant of tenants) await tenant.server("tasks", scripted.add(`${tenant.id}/tasks`, serve));
    const meta = { "io.modelcontextprotocol/clientCapabilities": { extensions: { [TASKS]: {} } } };
    const made = await until("the new server is known", 30, async () => {
      const { message } = await call(url, one, "tasks__t", {}, { meta });
      return message.result;
    });
    assert.notEqual(made.taskId, "task-1", "a server's own id is of use to nobody");
    const about = (key, taskId, method = "tasks/get", at = url) => modern(at, key, method, { taskId }, { meta, headers: { "mcp-name": taskId } });
    for (const [what, answer] of [
      ["another key", about(other, made.taskId)],
      ["another tenant", about(foreign, made.taskId, "tasks/get", foreignUrl)],
      ["altered", about(one, altered(made.taskId))],
      ["the server's own id", about(one, "task-1")],
      ["another key's end", about(other, made.taskId, "tasks/cancel")],
    ]) {
      assert.equal((await answer).message.error?.code, -32602, what);
    }
    assert.deepEqual(served, [], "no server was asked");
    // Each instance learns of the server in its own time; until then it asks nobody.
    const got = await until("its principal gets it", 30, async () => (await about(one, made.taskId)).message.result);
    assert.equal(got.taskId, made.taskId);
    assert.deepEqual(served, [["tasks/get", "task-1"]]);
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

// An upstream inside the suite: what it answers is written in the test, byte for byte, and what it was sent is seen.

import http from "node:http";
import { once } from "node:events";

import { LEGACY, MODERN } from "../lib/mcp.mjs";

/** Serves any number of MCP endpoints on one port, each at a path of its own. */
export class Scripted {
  static async start() {
    const scripted = new Scripted();
    scripted.handlers = new Map();
    scripted.server = http.createServer((request, response) => scripted.#serve(request, response));
    scripted.server.listen(0, "127.0.0.1");
    await once(scripted.server, "listening");
    scripted.base = `http://127.0.0.1:${scripted.server.address().port}`;
    return scripted;
  }

  /** Adds an endpoint; gives its URL. `handler` gets `{request, response, message, method}`. */
  add(path, handler) {
    this.handlers.set(`/${path}`, handler);
    return `${this.base}/${path}`;
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const handler = this.handlers.get(request.url);
    if (request.method !== "POST" || !handler) return void response.writeHead(request.method === "POST" ? 404 : 405).end();
    const message = JSON.parse(Buffer.concat(chunks).toString());
    try {
      await handler({ request, response, message, method: message.method });
    } catch (error) {
      // A test that hung up is no failure of this server.
      if (!response.destroyed) response.destroy(error);
    }
  }
}

/** A whole answer; `result` is raw JSON text or a value. */
export function reply(response, id, result) {
  const text = typeof result === "string" ? result : JSON.stringify(result);
  response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`);
}

/** Begins an SSE answer; gives a function that sends one message. */
export function beginStream(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  return (message) => response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

/** What a modern server says of itself. */
export const discovered = {
  resultType: "complete",
  supportedVersions: [MODERN],
  capabilities: { tools: {} },
  ttlMs: 60000,
  cacheScope: "public",
};

export const tool = (name, more = {}) => ({ name, description: `The tool ${name}`, inputSchema: { type: "object" }, ...more });

export const text = (words, more = {}) => ({ resultType: "complete", content: [{ type: "text", text: words }], ...more });

/**
 * A modern server. `tools` are values or raw JSON texts; `pages` of them instead make a paginated list;
 * `call({name, args, response, message})` gives a result, or answers itself and gives undefined.
 */
export function modernServer({ tools = [], pages = [tools], ttlMs = 60000, call, seen = [] }) {
  return async ({ request, response, message, method }) => {
    seen.push({ message, headers: request.headers });
    if (method === "server/discover") return reply(response, message.id, discovered);
    if (method === "tools/list") return reply(response, message.id, page(pages, message.params.cursor, ttlMs));
    if (method === "tools/call") {
      const { name, arguments: args } = message.params;
      const result = await call({ name, args, response, request, message });
      return result === undefined ? undefined : reply(response, message.id, result);
    }
    const error = { code: -32601, message: "Method not found" };
    response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id: message.id, error }));
  };
}

/** A legacy server with sessions, which it does not look at. `call({name, args, response, message})` answers; `notified(message)` hears. */
export function legacyServer({ tools, call, notified = () => {} }) {
  let begun = 0;
  return ({ response, message, method }) => {
    if (message.id === undefined) {
      notified(message);
      return void response.writeHead(202).end();
    }
    if (method === "initialize") {
      response.setHeader("mcp-session-id", `session-${++begun}`);
      return reply(response, message.id, { protocolVersion: LEGACY, capabilities: { tools: {}, logging: {} }, serverInfo: { name: "scripted", version: "1" } });
    }
    if (method === "tools/list") return reply(response, message.id, { tools });
    if (method === "tools/call") return call({ name: message.params.name, args: message.params.arguments, response, message });
    if (method === "logging/setLevel" || method === "ping") return reply(response, message.id, {});
    const error = { code: -32601, message: "Method not found" };
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id: message.id, error }));
  };
}

function page(pages, cursor, ttlMs) {
  const index = cursor === undefined ? 0 : Number(cursor);
  const next = index + 1 < pages.length ? `,"nextCursor":"${index + 1}"` : "";
  const tools = pages[index].map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(",");
  return `{"resultType":"complete","tools":[${tools}],"ttlMs":${ttlMs},"cacheScope":"public"${next}}`;
}

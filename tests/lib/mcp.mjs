// MCP requests as bytes, in both eras: what no client library would let a test send or see.

import { events, open, send } from "./http.mjs";

export const MODERN = "2026-07-28";
export const LEGACY = "2025-11-25";
const PREFIX = "io.modelcontextprotocol/";

/** The `_meta` that every modern request carries. */
export const modernMeta = (more = {}) => ({
  [`${PREFIX}protocolVersion`]: MODERN,
  [`${PREFIX}clientInfo`]: { name: "suite", version: "1" },
  [`${PREFIX}clientCapabilities`]: {},
  ...more,
});

export const message = (method, params, id = 1) => ({ jsonrpc: "2.0", id, method, params });

const baseHeaders = (key) => ({
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  ...(key && { authorization: `Bearer ${key}` }),
});

/** Method, headers and body of a modern request. `headers` of `undefined` take one away. */
export function modernRequest(key, method, params = {}, { headers = {}, meta = {}, id = 1 } = {}) {
  const body = message(method, { ...params, _meta: modernMeta(meta) }, id);
  const all = { ...baseHeaders(key), "mcp-protocol-version": MODERN, "mcp-method": method, ...headers };
  const named = params.name ?? (method === "resources/read" ? params.uri : undefined);
  if (named !== undefined && !("mcp-name" in headers)) all["mcp-name"] = named;
  return { method: "POST", headers: defined(all), body: JSON.stringify(body) };
}

const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** A modern request and its answer: `{status, headers, text, message}`. */
export async function modern(url, key, method, params, options) {
  return withMessage(await send(url, modernRequest(key, method, params, options)));
}

/** Any body as it is; headers as for a legacy request unless `headers` say otherwise. */
export async function raw(url, key, body, headers = {}) {
  const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return withMessage(await send(url, { method: "POST", headers: defined({ ...baseHeaders(key), ...headers }), body: text }));
}

/** Adds the JSON-RPC message that answers: the body, or an SSE stream's last event. */
function withMessage(answer) {
  const type = answer.headers["content-type"] ?? "";
  let text = answer.text;
  if (type.startsWith("text/event-stream")) {
    const parts = text.split(/\r?\n\r?\n/).filter((part) => /^data: ?\{/m.test(part));
    text = parts.at(-1)?.replace(/^[\s\S]*?^data: ?/m, "") ?? "";
  }
  return Object.assign(answer, { message: type && text.startsWith("{") && !type.includes("problem") ? JSON.parse(text) : undefined });
}

/** A tool's call. */
export const call = (url, key, name, args = {}, options) => modern(url, key, "tools/call", { name, arguments: args }, options);

/** All tools, every page followed; also the answers as they came. */
export async function list(url, key) {
  const [tools, pages] = [[], []];
  let cursor;
  do {
    const answer = await modern(url, key, "tools/list", cursor === undefined ? {} : { cursor });
    if (answer.status !== 200 || !answer.message?.result) throw new Error(`tools/list: ${answer.status} ${answer.text.slice(0, 500)}`);
    pages.push(answer);
    tools.push(...answer.message.result.tools);
    cursor = answer.message.result.nextCursor;
  } while (cursor !== undefined);
  return { tools, names: tools.map((tool) => tool.name), pages, partial: pages.at(-1).message.result._meta?.["io.toolgate/partial"] };
}

/** The messages of an answer, be it one or a stream of them. */
export async function* messages(url, request) {
  const response = await open(url, request);
  if (response.headers["content-type"]?.startsWith("text/event-stream")) {
    for await (const data of events(response)) if (data !== "") yield JSON.parse(data);
    return;
  }
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  yield JSON.parse(Buffer.concat(chunks).toString());
}

/** A modern request whose answer is read as it arrives: the parsed messages of its stream. */
export async function* stream(url, request) {
  const response = await open(url, request);
  if (!response.headers["content-type"]?.startsWith("text/event-stream")) {
    throw new Error(`no stream but ${response.statusCode} ${response.headers["content-type"]}`);
  }
  for await (const data of events(response)) if (data !== "") yield JSON.parse(data);
}

/** A legacy session. */
export class Session {
  static async open(url, key, version = LEGACY, capabilities = {}) {
    const session = new Session();
    Object.assign(session, { url, key, version, next: 1 });
    const params = { protocolVersion: version, capabilities, clientInfo: { name: "suite", version: "1" } };
    const answer = await raw(url, key, message("initialize", params, 0));
    if (answer.status !== 200 || !answer.message?.result) throw new Error(`initialize: ${answer.status} ${answer.text}`);
    session.id = answer.headers["mcp-session-id"];
    session.result = answer.message.result;
    const accepted = await session.post({ jsonrpc: "2.0", method: "notifications/initialized" });
    if (accepted.status !== 202) throw new Error(`initialized: ${accepted.status} ${accepted.text}`);
    return session;
  }

  post(body, headers = {}) {
    return raw(this.url, this.key, body, { "mcp-protocol-version": this.version, "mcp-session-id": this.id, ...headers });
  }

  /** A request whose answer is read as it arrives. */
  stream(method, params = {}) {
    const headers = { ...baseHeaders(this.key), "mcp-protocol-version": this.version, "mcp-session-id": this.id };
    return stream(this.url, { method: "POST", headers: defined(headers), body: JSON.stringify(message(method, params, this.next++)) });
  }

  request(method, params = {}, headers = {}) {
    return this.post(message(method, params, this.next++), headers);
  }
}

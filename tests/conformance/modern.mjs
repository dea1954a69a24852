// The fixture in the modern era: 2026-07-28 and nothing else. Nothing is kept between requests but who listens.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

import { RpcError, answer, capabilities, lists, needed } from "./offer.mjs";
import { Answer, bodyOf, failure, isForeign, json, result } from "./http.mjs";

const VERSION = "2026-07-28";
const META = "io.modelcontextprotocol/";
const NAMED = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri" };
const CALLS = ["tools/call", "prompts/get", "resources/read", "completion/complete"];
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const CACHED = { ttlMs: 0, cacheScope: "public" };
const SERVER_INFO = { [`${META}serverInfo`]: { name: "fixture", version: "1.0.0" } };

const secret = randomBytes(32);
const listeners = new Set();
const extra = { tools: false, prompts: false };

/** The call needs the client's answers to these questions. */
class Questions extends Error {
  constructor(questions, state) {
    super("asks");
    Object.assign(this, { questions, state });
  }
}

const mac = (text) => createHmac("sha256", secret).update(text).digest();

function seal(state) {
  const text = Buffer.from(JSON.stringify(state)).toString("base64url");
  return `${text}.${mac(text).toString("base64url")}`;
}

function open(sealed) {
  const [text, tag] = String(sealed).split(".");
  const given = Buffer.from(tag ?? "", "base64url");
  const right = mac(text);
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new RpcError(-32602, "requestState is not as it was given");
  }
  return JSON.parse(Buffer.from(text, "base64url"));
}

/** Gives the answers of earlier rounds from the state, those of this round as they came, and asks for the rest. */
function asking(params, client) {
  const { inputResponses: given, requestState } = params;
  if (given === null || (given !== undefined && typeof given !== "object")) {
    throw new RpcError(-32602, "inputResponses must be an object");
  }
  const earlier = requestState === undefined ? [] : open(requestState).answers;
  let round = 0;
  return async (questions, { stateful = false } = {}) => {
    const known = earlier[round++];
    if (known) return known;
    for (const question of Object.values(questions)) {
      if (!client[needed(question)]) throw new RpcError(-32021, "The client can't be asked", { requiredCapabilities: { [needed(question)]: {} } });
    }
    const names = Object.keys(questions);
    const answered = names.every((name) => typeof given?.[name] === "object" && given[name] !== null);
    const mine = round === earlier.length + 1 && answered && (!stateful || requestState !== undefined);
    if (!mine) throw new Questions(questions, seal({ answers: earlier, nonce: randomBytes(8).toString("hex") }));
    const answers = Object.fromEntries(names.map((name) => [name, given[name]]));
    earlier.push(answers);
    return answers;
  };
}

const decoded = (text) => {
  const inner = /^=\?base64\?(.*)\?=$/.exec(text ?? "")?.[1];
  return inner === undefined ? text : Buffer.from(inner, "base64").toString();
};

/** Why a request is refused before it is looked into, as the specification orders it. */
function refusal({ headers }, { id, method, params }) {
  const meta = params?._meta ?? {};
  const missing = ["protocolVersion", "clientCapabilities"].find((name) => meta[META + name] === undefined);
  if (missing) return [400, failure(id, -32602, `_meta has no ${META}${missing}`)];
  const version = meta[`${META}protocolVersion`];
  const differ = (what) => [400, failure(id, -32020, `The header ${what} is not what the body says`)];
  if (headers["mcp-protocol-version"] !== version) return differ("MCP-Protocol-Version");
  if (version !== VERSION) {
    return [400, failure(id, -32022, "Unsupported protocol version", { supported: [VERSION], requested: version })];
  }
  if (headers["mcp-method"] !== method) return differ("Mcp-Method");
  const named = NAMED[method];
  if (named && decoded(headers["mcp-name"]) !== params[named]) return differ("Mcp-Name");
  const region = params?.name === "test_custom_header" ? params.arguments?.region : undefined;
  if (region !== undefined && decoded(headers["mcp-param-region"]) !== region) return differ("Mcp-Param-Region");
  return undefined;
}

function listen(request, response, { id, params }) {
  const wanted = params.notifications ?? {};
  const stream = new Answer(response, { "x-accel-buffering": "no" });
  const tag = { [`${META}subscriptionId`]: id };
  const say = (method, more = {}) => stream.send({ jsonrpc: "2.0", method, params: { _meta: tag, ...more } });
  const listener = { wanted, say };
  listeners.add(listener);
  response.on("close", () => listeners.delete(listener));
  const known = ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];
  const honoured = Object.fromEntries(Object.entries(wanted).filter(([name]) => known.includes(name)));
  say("notifications/subscriptions/acknowledged", { notifications: honoured });
}

function changed(kind) {
  extra[kind] = !extra[kind];
  for (const { wanted, say } of listeners) if (wanted[`${kind}ListChanged`]) say(`notifications/${kind}/list_changed`);
}

function updated(uri) {
  for (const { wanted, say } of listeners) {
    if (wanted.resourceSubscriptions?.includes(uri)) say("notifications/resources/updated", { uri });
  }
}

async function call(response, { id, method, params }) {
  const stream = new Answer(response);
  const meta = params._meta;
  const level = meta[`${META}logLevel`];
  const say = (method, params) => stream.send({ jsonrpc: "2.0", method, params });
  const client = meta[`${META}clientCapabilities`];
  try {
    const done = await answer(method, params, {
      capabilities: client,
      ask: asking(params, client),
      log: (severity, data) => {
        if (level !== undefined && LEVELS.indexOf(severity) >= LEVELS.indexOf(level)) {
          say("notifications/message", { level: severity, logger: "fixture", data });
        }
      },
      progress: (progress, total) => {
        if (meta.progressToken === undefined) return;
        say("notifications/progress", { progressToken: meta.progressToken, progress, total });
      },
      changed,
      updated,
    });
    const cached = method === "resources/read" ? CACHED : {};
    stream.end(result(id, { resultType: "complete", ...done, ...cached, _meta: SERVER_INFO }));
  } catch (error) {
    if (error instanceof Questions) {
      const { questions: inputRequests, state: requestState } = error;
      return stream.end(result(id, { resultType: "input_required", inputRequests, requestState, _meta: SERVER_INFO }));
    }
    if (!(error instanceof RpcError)) throw error;
    const status = error.code === -32021 ? 400 : error.code === -32601 ? 404 : 200;
    stream.end(failure(id, error.code, error.message, error.data), status);
  }
}

/** Answers one HTTP request. */
export async function modern(request, response) {
  if (isForeign(request)) return json(response, 403, failure(null, -32600, "Forbidden"));
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end();
  let message;
  try {
    message = JSON.parse(await bodyOf(request));
  } catch {
    return json(response, 400, failure(null, -32700, "Parse error"));
  }
  if (message.id === undefined) return response.writeHead(202).end();
  const refused = refusal(request, message);
  if (refused) return json(response, ...refused);
  const { id, method } = message;
  const list = lists(extra)[method];
  if (list) return json(response, 200, result(id, { resultType: "complete", ...list, ...CACHED, _meta: SERVER_INFO }));
  if (method === "server/discover") {
    const about = { supportedVersions: [VERSION], capabilities, instructions: "A fixture for tests.", ...CACHED };
    return json(response, 200, result(id, { resultType: "complete", ...about, _meta: SERVER_INFO }));
  }
  if (method === "subscriptions/listen") return listen(request, response, message);
  if (CALLS.includes(method)) return call(response, message);
  return json(response, 404, failure(id, -32601, "Method not found"));
}

// The fixture in the legacy era: 2025-11-25 and older, with sessions, event streams that can be taken up again, and requests of its own.

import { randomUUID } from "node:crypto";

import { RpcError, answer, capabilities, lists, needed } from "./offer.mjs";
import { Answer, bodyOf, failure, isForeign, json, result } from "./http.mjs";

const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26"];
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
/** What a client is told to wait before it takes a stream up again, in milliseconds. */
const RETRY = 100;

const sessions = new Map();
const extra = { tools: false, prompts: false };

/** One client: what it can do, what it was asked, and the stream for what belongs to no request. */
class Session {
  constructor(version, client) {
    Object.assign(this, { id: randomUUID(), version, client, level: "info", subscribed: new Set() });
    this.asked = new Map();
    this.kept = new Map();
    this.streams = new Set();
  }

  /** Asks the client one thing, on `stream`. The question's name is its id; a call that asks it anew ends the one that waited. */
  ask(stream, id, { method, params }) {
    this.asked.get(id)?.failed(new RpcError(-32603, "Asked again by another call"));
    return new Promise((done, failed) => {
      this.asked.set(id, { done, failed });
      stream.send({ jsonrpc: "2.0", id, method, params });
    });
  }

  answered({ id, result, error }) {
    const waiting = this.asked.get(id);
    this.asked.delete(id);
    if (error) waiting?.failed(new RpcError(error.code, error.message));
    else waiting?.done(result);
  }

  say(method, params = {}) {
    for (const stream of this.streams) stream.send({ jsonrpc: "2.0", method, params });
  }
}

function changed(kind) {
  extra[kind] = !extra[kind];
  for (const session of sessions.values()) session.say(`notifications/${kind}/list_changed`);
}

function updated(uri) {
  for (const session of sessions.values()) {
    if (session.subscribed.has(uri)) session.say("notifications/resources/updated", { uri });
  }
}

function initialize(response, { id, params }) {
  const version = VERSIONS.includes(params.protocolVersion) ? params.protocolVersion : VERSIONS[0];
  const session = new Session(version, params.capabilities ?? {});
  sessions.set(session.id, session);
  const about = {
    protocolVersion: version,
    capabilities: { ...capabilities, logging: {} },
    serverInfo: { name: "fixture", version: "1.0.0" },
    instructions: "A fixture for tests.",
  };
  json(response, 200, result(id, about), { "mcp-session-id": session.id });
}

async function call(session, response, { id, method, params = {} }) {
  const stream = new Answer(response);
  const say = (method, params) => stream.send({ jsonrpc: "2.0", method, params });
  let place;
  const token = params._meta?.progressToken;
  const what = {
    capabilities: session.client,
    ask: async (questions) => {
      for (const question of Object.values(questions)) {
        if (!session.client[needed(question)]) throw new RpcError(-32602, `The client can't be asked for ${needed(question)}`);
      }
      const names = Object.keys(questions);
      const answers = await Promise.all(names.map((name) => session.ask(stream, name, questions[name])));
      return Object.fromEntries(names.map((name, n) => [name, answers[n]]));
    },
    log: (level, data) => {
      if (LEVELS.indexOf(level) >= LEVELS.indexOf(session.level)) say("notifications/message", { level, logger: "fixture", data });
    },
    progress: (progress, total) => {
      if (token !== undefined) say("notifications/progress", { progressToken: token, progress, total });
    },
    breakOff: async () => {
      place = randomUUID();
      stream.send(undefined, { id: place, retry: RETRY });
      response.end();
    },
    changed,
    updated,
  };
  const message = await answer(method, params, what).then(
    (done) => result(id, done),
    (error) => {
      if (!(error instanceof RpcError)) throw error;
      return failure(id, error.code === -32602 && method === "resources/read" ? -32002 : error.code, error.message, error.data);
    },
  );
  if (place) session.kept.set(place, message);
  else stream.end(message);
}

function openStream(session, request, response) {
  const stream = new Answer(response);
  const last = request.headers["last-event-id"];
  if (last !== undefined) {
    const kept = session.kept.get(last);
    session.kept.delete(last);
    stream.open();
    if (kept) stream.end(kept, 200, { id: randomUUID() });
    else response.end();
    return;
  }
  session.streams.add(stream);
  response.on("close", () => session.streams.delete(stream));
  stream.open();
  response.flushHeaders();
}

function own(session, { id, method, params }) {
  switch (method) {
    case "ping":
      return result(id, {});
    case "logging/setLevel":
      session.level = params.level;
      return result(id, {});
    case "resources/subscribe":
      session.subscribed.add(params.uri);
      return result(id, {});
    case "resources/unsubscribe":
      session.subscribed.delete(params.uri);
      return result(id, {});
    default: {
      const list = lists(extra)[method];
      return list && result(id, list);
    }
  }
}

/** Answers one HTTP request. */
export async function legacy(request, response) {
  if (isForeign(request)) return json(response, 403, failure(null, -32600, "Forbidden"));
  const session = sessions.get(request.headers["mcp-session-id"]);
  const unknown = () => json(response, request.headers["mcp-session-id"] ? 404 : 400, failure(null, -32000, "There is no such session"));
  if (request.method === "GET") return session ? openStream(session, request, response) : unknown();
  if (request.method === "DELETE") {
    if (!session) return unknown();
    sessions.delete(session.id);
    return response.writeHead(204).end();
  }
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST, GET, DELETE" }).end();
  let message;
  try {
    message = JSON.parse(await bodyOf(request));
  } catch {
    return json(response, 400, failure(null, -32700, "Parse error"));
  }
  if (message.method === "initialize") return initialize(response, message);
  if (!session) return unknown();
  if (message.method === undefined) session.answered(message);
  if (message.id === undefined || message.method === undefined) return response.writeHead(202).end();
  const answered = own(session, message);
  return answered ? json(response, 200, answered) : call(session, response, message);
}

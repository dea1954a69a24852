// What the fixture offers (../offer.mjs), served by the TypeScript SDK in both eras: node typescript.mjs
//
// Everything of the protocol is the SDK's: schemas, errors, streams, sessions, sealed states, subscriptions. Prints one line,
// {"listening":"127.0.0.1:PORT"}, and serves /mcp until it is ended.
import { randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation, toNodeHandler, toWebRequest } from "@modelcontextprotocol/node";
import {
  McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  completable,
  createMcpHandler,
  createRequestStateCodec,
  fromJsonSchema,
  inputRequired,
  isLegacyRequest,
} from "@modelcontextprotocol/server";
import { z } from "zod";

import { NOTHING, RpcError, prompts, read, resources, schemas, tools } from "../offer.mjs";

const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const sampling = inputRequired.createMessage({ messages: [{ role: "user", content: { type: "text", text: "?" } }], maxTokens: 1 });
const codec = createRequestStateCodec({ key: randomBytes(32) });

/** A call that needs answers which it does not have. */
class Asks extends Error {
  constructor(questions, earlier) {
    super("asks");
    Object.assign(this, { questions, earlier });
  }
}

/** The handler of a tool or a prompt, as the SDK calls it. */
function handler(server, run, changes) {
  return async (args, ctx) => {
    const { mcpReq } = ctx;
    const capabilities = mcpReq.envelope?.[CAPABILITIES] ?? server.server.getClientCapabilities() ?? {};
    const state = mcpReq.requestState();
    const earlier = state?.answers ?? [];
    const token = mcpReq._meta?.progressToken;
    let round = 0;
    const ask = async (questions, { stateful = false } = {}) => {
      const known = earlier[round++];
      if (known) return known;
      const given = mcpReq.inputResponses ?? {};
      const names = Object.keys(questions);
      const answered = names.every((name) => given[name] !== undefined) && (!stateful || state !== undefined);
      if (!answered || round !== earlier.length + 1) throw new Asks(questions, earlier);
      const answers = Object.fromEntries(names.map((name) => [name, given[name]]));
      earlier.push(answers);
      return answers;
    };
    const call = {
      args: args ?? {},
      capabilities,
      ask,
      log: (level, data) => void mcpReq.log(level, data, "fixture"),
      progress: (progress, total) => {
        if (token !== undefined) void mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, progress, total } });
      },
      breakOff: async () => ctx.http?.closeSSE?.(),
      ...changes,
    };
    try {
      return await run(call);
    } catch (error) {
      if (error instanceof Asks) {
        const requestState = await codec.mint({ answers: error.earlier, nonce: randomUUID() }, ctx);
        return inputRequired({ inputRequests: error.questions, requestState });
      }
      // A capability that is missing is the SDK's to notice: it looks at what is asked for.
      if (error instanceof RpcError && error.code === -32021) return inputRequired({ inputRequests: { thought: sampling } });
      throw error;
    }
  };
}

/** A server as the SDK makes them: one for each request of the modern era, one for each session of the legacy one. */
function build(changes) {
  const server = new McpServer(
    { name: "fixture-typescript", version: "1.0.0" },
    {
      instructions: "A fixture for tests.",
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: codec.verify },
    },
  );
  for (const [name, run] of Object.entries(tools)) {
    const inputSchema = fromJsonSchema(schemas[name] ?? NOTHING);
    server.registerTool(name, { description: `The tool ${name} of the fixture.`, inputSchema }, handler(server, run, changes));
  }
  for (const [name, { arguments: names = [], get }] of Object.entries(prompts)) {
    const description = `The prompt ${name} of the fixture.`;
    const run = handler(server, get, changes);
    const argsSchema = z.object(Object.fromEntries(names.map((name) => [name, completable(z.string(), (value) => [`${value}paris`, `${value}park`])])));
    if (names.length > 0) server.registerPrompt(name, { description, argsSchema }, run);
    else server.registerPrompt(name, { description }, (ctx) => run({}, ctx));
  }
  const reads = (uri) => {
    try {
      return read(uri.href);
    } catch {
      throw new ResourceNotFoundError(uri.href);
    }
  };
  for (const [uri, { mimeType }] of Object.entries(resources)) {
    server.registerResource(uri.slice("test://".length), uri, { mimeType }, reads);
  }
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined, complete: { id: (value) => [`${value}1`, `${value}2`] } });
  server.registerResource("template", template, { mimeType: "application/json" }, reads);
  return server;
}

const sessions = new Map();
const subscribed = new Map();
const modern = createMcpHandler(() => build(changes), { legacy: "reject" });
const changes = {
  changed: (kind) => {
    modern.notify[`${kind}Changed`]();
    for (const { server } of sessions.values()) void (kind === "tools" ? server.sendToolListChanged() : server.sendPromptListChanged());
  },
  updated: (uri) => {
    modern.notify.resourceUpdated(uri);
    for (const [id, { server }] of sessions) if (subscribed.get(id)?.has(uri)) void server.server.sendResourceUpdated({ uri });
  },
};

/** Kept events, so that a stream can be taken up again. */
function eventStore() {
  const kept = [];
  return {
    storeEvent: async (stream, message) => `${kept.push({ stream, message }) - 1}-${stream}`,
    replayEventsAfter: async (last, { send }) => {
      const at = Number(last.split("-", 1)[0]);
      const { stream } = kept[at];
      for (let next = at + 1; next < kept.length; next++) {
        const { stream: of, message } = kept[next];
        if (of === stream && message?.jsonrpc) await send(`${next}-${stream}`, message);
      }
      return stream;
    },
  };
}

async function legacy(request, response) {
  const id = request.headers["mcp-session-id"];
  const known = sessions.get(id);
  if (known) return known.transport.handleRequest(request, response, request.body);
  const server = build(changes);
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 100,
    onsessioninitialized: (id) => void sessions.set(id, { server, transport }),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  const uris = () => subscribed.get(transport.sessionId) ?? subscribed.set(transport.sessionId, new Set()).get(transport.sessionId);
  server.server.setRequestHandler("resources/subscribe", ({ params }) => (uris().add(params.uri), {}));
  server.server.setRequestHandler("resources/unsubscribe", ({ params }) => (uris().delete(params.uri), {}));
  await server.connect(transport);
  return transport.handleRequest(request, response, request.body);
}

const [host, origin, answer] = [localhostHostValidation(), localhostOriginValidation(), toNodeHandler(modern)];
const listening = createServer(async (request, response) => {
  if (!host(request, response) || !origin(request, response)) return;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let body;
  try {
    body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
  } catch {
    return void response.writeHead(400).end();
  }
  const isLegacy = request.method !== "POST" || (await isLegacyRequest(await toWebRequest(request, body), body));
  if (!isLegacy) return void answer(request, response, body);
  const id = request.headers["mcp-session-id"];
  if (id !== undefined && !sessions.has(id)) return void response.writeHead(404).end();
  request.body = body;
  return legacy(request, response);
});
listening.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ listening: `127.0.0.1:${listening.address().port}` })));
process.on("SIGTERM", () => process.exit(0));

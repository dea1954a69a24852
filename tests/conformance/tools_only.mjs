// A small modern MCP server with tools and nothing else: node tools_only.mjs [--port PORT]
//
// It stands beside the fixture in an aggregate, so that what the fixture alone has is found although others don't have it.
import { parseArgs } from "node:util";

import { bodyOf, failure, json, result, serve } from "./http.mjs";

const VERSION = "2026-07-28";
const cached = { resultType: "complete", ttlMs: 1_000, cacheScope: "public" };
const inputSchema = { type: "object", properties: { words: { type: "string" } } };
const tools = ["echo", "shout"].map((name) => ({ name, description: `${name} what is said`, inputSchema }));

const answers = {
  "server/discover": () => ({ ...cached, supportedVersions: [VERSION], capabilities: { tools: {} } }),
  "tools/list": () => ({ ...cached, tools }),
  "tools/call": ({ name, arguments: { words = "" } = {} }) => ({
    resultType: "complete",
    content: [{ type: "text", text: name === "shout" ? words.toUpperCase() : words }],
  }),
};

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
serve(Number(values.port), async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  const { id, method, params } = JSON.parse(await bodyOf(request));
  if (id === undefined) return response.writeHead(202).end();
  if (Object.hasOwn(answers, method)) return json(response, 200, result(id, answers[method](params)));
  return json(response, 404, failure(id, -32601, "Method not found"));
});

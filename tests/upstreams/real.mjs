// Real MCP servers from npm and PyPI that answer without a network: stdio servers behind one bridge, and one on the first transport.

import { dirname, join } from "node:path";

import { freePort, listening, owned, start } from "../lib/process.mjs";

/** Their commands, by the id that they are registered under. */
function commands() {
  const python = (name) => join(dirname(process.env.TOOLGATE_PYTHON), name);
  return {
    thinking: "mcp-server-sequential-thinking",
    context7: "context7-mcp",
    notion: "notion-mcp-server",
    playwright: "playwright-mcp --headless",
    time: `${python("mcp-server-time")} --local-timezone UTC`,
    git: python("mcp-server-git"),
    fetch: python("mcp-server-fetch"),
  };
}

async function bridged() {
  const port = await freePort();
  const all = commands();
  const named = Object.entries(all).flatMap(([name, command]) => ["--named-server", name, command]);
  const args = ["--host", "127.0.0.1", "--port", String(port), "--stateless", "--pass-environment", ...named];
  await listening(owned(start(process.env.TOOLGATE_BRIDGE, args)), port);
  return Object.fromEntries(Object.keys(all).map((name) => [name, `http://127.0.0.1:${port}/servers/${name}/mcp`]));
}

/** HTTP+SSE of 2024-11-05. */
async function firstTransport() {
  const port = await freePort();
  await listening(owned(start("mcp-server-everything", ["sse"], { env: { PORT: String(port) } })), port);
  return { first: `http://127.0.0.1:${port}/sse` };
}

/** Starts them all; gives their URLs. */
export async function startReal() {
  const [bridge, first] = await Promise.all([bridged(), firstTransport()]);
  return { ...bridge, ...first };
}

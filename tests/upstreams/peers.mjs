// Real MCP servers as upstreams: three of the protocol's own, and FastMCP.

import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { freePort, listening, owned, start } from "../lib/process.mjs";

/** Legacy Streamable HTTP. */
async function everything() {
  const port = await freePort();
  await listening(owned(start("mcp-server-everything", ["streamableHttp"], { env: { PORT: String(port) } })), port);
  return `http://127.0.0.1:${port}/mcp`;
}

/** Two stdio servers behind one bridge: legacy, without sessions. */
async function bridged(folder) {
  const port = await freePort();
  const servers = { files: `mcp-server-filesystem ${folder}`, memory: "mcp-server-memory" };
  const named = Object.entries(servers).flatMap(([name, command]) => ["--named-server", name, command]);
  const args = ["--host", "127.0.0.1", "--port", String(port), "--stateless", "--pass-environment", ...named];
  const env = { MEMORY_FILE_PATH: join(folder, "memory.jsonl") };
  await listening(owned(start(process.env.TOOLGATE_BRIDGE, args, { env })), port);
  return (name) => `http://127.0.0.1:${port}/servers/${name}/mcp`;
}

/** Both eras. */
async function fastmcp() {
  const port = await freePort();
  const script = fileURLToPath(new URL("fastmcp_server.py", import.meta.url));
  await listening(owned(start(process.env.TOOLGATE_PYTHON, [script, String(port)])), port);
  return `http://127.0.0.1:${port}/mcp`;
}

/** Starts them all: their URLs by the id they are registered under, and the folder that `files` serves. */
export async function startPeers() {
  const folder = await mkdtemp(join(tmpdir(), "toolgate-files-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "hello.txt"), "hello from a file");
  const [one, bridge, fast] = await Promise.all([everything(), bridged(folder), fastmcp()]);
  return { folder, urls: { everything: one, files: bridge("files"), memory: bridge("memory"), fast } };
}

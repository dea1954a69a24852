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

/** A stdio server behind a bridge: legacy. */
async function bridged(command, env) {
  const port = await freePort();
  const args = ["--stdio", command, "--outputTransport", "streamableHttp", "--stateful", "--port", String(port), "--logLevel", "none"];
  await listening(owned(start("supergateway", args, { env })), port);
  return `http://127.0.0.1:${port}/mcp`;
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
  const [one, two, three, four] = await Promise.all([
    everything(),
    bridged(`mcp-server-filesystem ${folder}`, {}),
    bridged("mcp-server-memory", { MEMORY_FILE_PATH: join(folder, "memory.jsonl") }),
    fastmcp(),
  ]);
  return { folder, urls: { everything: one, files: two, memory: three, fast: four } };
}

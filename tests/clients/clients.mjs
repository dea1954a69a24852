// The real clients, each as one function: connect, list, make some calls, say what came.

import { fileURLToPath } from "node:url";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { output } from "../lib/process.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The TypeScript SDK. `negotiation`: undefined is what it does by itself, a 2025 handshake. */
const typescript = (negotiation) => async (url, key, calls) => {
  const client = new Client({ name: "suite", version: "1" }, { versionNegotiation: negotiation });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  try {
    const { tools } = await client.listTools();
    const results = [];
    for (const call of calls) results.push(await client.callTool(call));
    return { version: client.getNegotiatedProtocolVersion(), tools: tools.map((tool) => tool.name), results };
  } finally {
    await client.close();
  }
};

/** The `mcp` package for Python. */
const python = (mode) => async (url, key, calls) => {
  const args = [here("py_client.py"), url, mode];
  return JSON.parse(await output(process.env.TOOLGATE_PYTHON, args, { env: { TOOLGATE_KEY: key }, input: JSON.stringify(calls) }));
};

/** The Inspector's command line: one process per method. */
const inspector = (era) => async (url, key, calls) => {
  const common = ["--cli", url, "--transport", "http", "--protocol-era", era, "--format", "json"];
  const ask = async (args) =>
    JSON.parse(await output("mcp-inspector", [...common, "--header", `Authorization: Bearer ${key}`, ...args]));
  const listed = await ask(["--method", "tools/list"]);
  const results = [];
  for (const call of calls) {
    const args = ["--tool-name", call.name, "--tool-args-json", JSON.stringify(call.arguments)];
    results.push(await ask(["--method", "tools/call", ...args]));
  }
  const inner = (answer) => answer.result ?? answer;
  return { tools: inner(listed).tools.map((tool) => tool.name), results: results.map(inner) };
};

export const clients = [
  { name: "TypeScript SDK, by default", version: "2025-11-25", run: typescript(undefined) },
  { name: "TypeScript SDK, auto", version: "2026-07-28", run: typescript({ mode: "auto" }) },
  { name: "TypeScript SDK, pinned to 2026-07-28", version: "2026-07-28", run: typescript({ mode: { pin: "2026-07-28" } }) },
  { name: "Python mcp, legacy", version: "2025-11-25", run: python("legacy") },
  { name: "Python mcp, auto", version: "2026-07-28", run: python("auto") },
  { name: "Python mcp, pinned to 2026-07-28", version: "2026-07-28", run: python("2026-07-28") },
  { name: "Inspector CLI, legacy", run: inspector("legacy") },
  { name: "Inspector CLI, modern", run: inspector("modern") },
];

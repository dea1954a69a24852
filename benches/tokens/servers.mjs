// Real servers from npm and PyPI that list their tools without a network. Credentials are made up: nothing that needs them is called.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { StdioServer } from "./stdio.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const NOWHERE = "http://127.0.0.1:9";

const npm = (name, ...args) => [join(HERE, "node_modules/.bin", name), ...args];
const python = (folder, name, ...args) => [join(process.env[`TOOLGATE_PYTHON_${folder}`], name), ...args];

/** Command and environment of each, by the id it is registered under. `root` is a folder they may use. */
function commands(root) {
  return {
    atlassian: [
      python("ATLASSIAN", "mcp-atlassian"),
      {
        JIRA_URL: NOWHERE,
        JIRA_USERNAME: "a",
        JIRA_API_TOKEN: "x",
        CONFLUENCE_URL: NOWHERE,
        CONFLUENCE_USERNAME: "a",
        CONFLUENCE_API_TOKEN: "x",
      },
    ],
    calc: [npm("calc-mcp")],
    chart: [npm("mcp-server-chart")],
    context7: [npm("context7-mcp")],
    desktop: [npm("desktop-commander")],
    devtools: [npm("chrome-devtools-mcp", "--headless")],
    everything: [npm("mcp-server-everything")],
    excel: [python("EXCEL", "excel-mcp-server", "stdio")],
    fetch: [python("PEERS", "mcp-server-fetch")],
    filesystem: [npm("mcp-server-filesystem", root)],
    git: [python("PEERS", "mcp-server-git")],
    gitlab: [
      npm("mcp-gitlab"),
      {
        GITLAB_PERSONAL_ACCESS_TOKEN: "x",
        GITLAB_API_URL: `${NOWHERE}/api/v4`,
        USE_PIPELINE: "true",
        USE_MILESTONE: "true",
        USE_GITLAB_WIKI: "true",
      },
    ],
    memory: [npm("mcp-server-memory"), { MEMORY_FILE_PATH: join(root, "memory.jsonl") }],
    mongodb: [npm("mongodb-mcp-server"), { MDB_MCP_TELEMETRY: "disabled", MDB_MCP_CONNECTION_STRING: "mongodb://127.0.0.1:9/" }],
    notion: [npm("notion-mcp-server")],
    playwright: [npm("playwright-mcp", "--headless")],
    thinking: [npm("mcp-server-sequential-thinking")],
    time: [python("PEERS", "mcp-server-time", "--local-timezone", "UTC")],
  };
}

/** A server that can't be started here: it lists its tools, and that is all it does. */
class ListedServer {
  constructor(name, tools) {
    this.list = tools;
    this.greeting = { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name, version: "0" } };
  }

  async ask({ method }) {
    return method === "tools/list" ? { result: { tools: this.list } } : { error: { code: -32601, message: "only listed here" } };
  }

  async request(method) {
    const { result, error } = await this.ask({ method });
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  stop() {}
}

/** Starts them all; gives each with its tools. */
export async function startServers(root) {
  const started = {};
  const starting = Object.entries(commands(root));
  // A few at a time: each is a runtime of its own.
  const worker = async () => {
    for (let next = starting.shift(); next; next = starting.shift()) {
      const [id, [command, env]] = next;
      const server = await StdioServer.start(command, { env, cwd: root }).catch((error) => {
        throw new Error(`${id} did not start: ${error.message}`);
      });
      started[id] = { server, tools: await server.tools() };
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  const fixture = new URL("../../tests/fixtures/github-mcp-server.tools.json", import.meta.url);
  const github = JSON.parse(readFileSync(fixture, "utf8"));
  started.github = { server: new ListedServer("github", github), tools: github };
  return Object.fromEntries(Object.entries(started).sort(([a], [b]) => (a < b ? -1 : 1)));
}

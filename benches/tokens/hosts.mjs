// Who runs what the scripted agents ask: the servers themselves, a stand-in for `execute`, or a gateway.

import { call as callThrough, modern } from "../../tests/lib/mcp.mjs";
import { textOf } from "./agent.mjs";

/** The servers, asked without anything between. */
export const servers = (started) => ({
  call: (server, tool, args) => started[server].server.request("tools/call", { name: tool, arguments: args }),
});

/** What code sees of a result: structured content, or its text, parsed if it is JSON. */
export function valueOf(result) {
  if (result.isError) throw new Error(textOf(result));
  if (result.structuredContent !== undefined) return result.structuredContent;
  const text = textOf(result);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Where no gateway serves Code Mode: search is the real one, code runs in this process, and its answer is put together as the gateway does. */
export const standIn = (started, codeMode) => ({
  search: (args) => codeMode.text("search", args),
  async execute(code) {
    const calls = {};
    const bound = Object.entries(started);
    const globals = bound.map(([id, { server, tools }]) => {
      const binding = (tool) => async (args = {}) => {
        const name = `${id}.${tool.name}`;
        calls[name] = (calls[name] ?? 0) + 1;
        return valueOf(await server.request("tools/call", { name: tool.name, arguments: args }));
      };
      return Object.fromEntries(tools.map((tool) => [tool.name.replace(/[^A-Za-z0-9_$]/g, "_"), binding(tool)]));
    });
    const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
    const result = await new AsyncFunction(...bound.map(([id]) => id), code)(...globals);
    const counted = Object.entries(calls).map(([name, count]) => (count > 1 ? `${name} ×${count}` : name));
    return JSON.stringify({ status: "completed", result, calls: counted });
  },
});

/** A gateway in direct mode. */
export const gatewayDirect = (url, key) => ({
  async call(server, tool, args) {
    return resultOf(await callThrough(url, key, `${server}__${tool}`, args));
  },
});

/** A gateway in code mode. */
export const gatewayCode = (url, key) => ({
  search: async (args) => textOf(resultOf(await callThrough(url, key, "search", args))),
  execute: async (code) => textOf(resultOf(await callThrough(url, key, "execute", { code }))),
});

function resultOf({ status, text, message }) {
  if (!message?.result) throw new Error(`the gateway answered ${status}: ${text.slice(0, 500)}`);
  return message.result;
}

/** What a gateway lists, every page. */
export async function listed(url, key) {
  const tools = [];
  let cursor;
  do {
    const { result } = (await modern(url, key, "tools/list", cursor === undefined ? {} : { cursor })).message;
    tools.push(...result.tools);
    cursor = result.nextCursor;
  } while (cursor !== undefined);
  return tools;
}

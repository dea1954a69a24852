// Who runs what the scripted agents ask: the servers themselves, or a gateway.

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

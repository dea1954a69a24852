// What a server offers, as it writes it down: the items of its lists byte for byte.

import { parts, rawAt } from "./raw_json.mjs";

/** The lists of a server: where their items are, and what names one. */
export const KINDS = {
  "tools/list": ["tools", "name"],
  "prompts/list": ["prompts", "name"],
  "resources/list": ["resources", "uri"],
  "resources/templates/list": ["resourceTemplates", "uriTemplate"],
};

/** The items of a list, raw, by their names. */
function items(text, [member, key]) {
  const list = rawAt(text, "result", member);
  if (list === undefined) return new Map();
  return new Map([...parts(list)].map(([, raw]) => [JSON.parse(rawAt(raw, key)), raw]));
}

/** The text of the message that answers, be it an event. */
export const said = ({ text }) => (text.startsWith("{") ? text : /^data: ?(\{.*)$/m.exec(text)[1]);

/** All of a list, raw, by `ask`, every page followed. */
export async function all(ask, method) {
  const found = new Map();
  let cursor;
  do {
    const text = said(await ask(method, cursor === undefined ? {} : { cursor }));
    for (const [name, raw] of items(text, KINDS[method])) found.set(name, raw);
    cursor = JSON.parse(text).result?.nextCursor;
  } while (cursor !== undefined);
  return found;
}

export const sorted = (map) => [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1));

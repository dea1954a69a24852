// The conformance suite's fixture, in one era, as an upstream that asks its clients and streams what it says.

import { fileURLToPath } from "node:url";

import { owned, start } from "../lib/process.mjs";

const script = fileURLToPath(new URL("../conformance/fixture.mjs", import.meta.url));

/** Starts it; gives its URL. */
export async function startFixture(era) {
  const child = owned(start(process.execPath, [script, "--era", era]));
  const { value, done } = await child.lines.next();
  if (done) throw new Error(`the fixture did not start:\n${child.log}`);
  return `http://${JSON.parse(value).listening}/mcp`;
}

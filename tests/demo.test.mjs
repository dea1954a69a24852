// The README's first command: the demo says how to try it, and what it says works, also after a restart.
// TOOLGATE_BINARY is the local target's binary.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { clients } from "./clients/clients.mjs";
import { end, endAll, output, owned, start } from "./lib/process.mjs";

const data = mkdtempSync(join(tmpdir(), "toolgate-demo-"));
after(async () => {
  await endAll();
  rmSync(data, { recursive: true, force: true });
});

/** Starts the demo as anybody would, but for the port and the folder; gives it and what it says until it listens. */
async function demo(listen) {
  const child = owned(start(process.env.TOOLGATE_BINARY, [], { env: { TOOLGATE_LISTEN: listen, TOOLGATE_DATA: data } }));
  let said = "";
  while (!said.includes("listens on")) {
    const { value, done } = await child.lines.next();
    assert.ok(!done, `the demo ended:\n${said}\n${child.log}`);
    said += `${value}\n`;
  }
  return { child, said };
}

/** The commands that it prints: from `curl` to the first line without a backslash at its end. */
const commands = (said) => said.match(/^curl (?:.*\\\n)*.*$/gm);

test("the demo's printed commands list and call a tool, and its configuration connects a client; a restart loses nothing", async () => {
  let { child, said } = await demo("127.0.0.1:0");
  const [list, call] = commands(said);
  const configuration = JSON.parse(said.match(/^\{\n[\s\S]*?^\}$/m)[0]);
  const { url, headers } = configuration.mcpServers.toolgate;
  const key = headers.Authorization.replace("Bearer ", "");

  async function works() {
    assert.match(await output("bash", ["-c", list]), /"demo__add"/);
    assert.match(await output("bash", ["-c", call]), /42/);
    const came = await clients[0].run(url, key, [{ name: "demo__add", arguments: { a: 1, b: 2 } }]);
    assert.match(came.results[0].content[0].text, /3/);
  }

  await works();
  await end(child);
  ({ child } = await demo(new URL(url).host));
  await works();
  await end(child);
});

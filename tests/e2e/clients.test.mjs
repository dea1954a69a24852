// Every real client, in both eras, works with tools of three servers and more through one URL.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clients } from "../clients/clients.mjs";
import { world } from "../lib/world.mjs";

const { gateway, peers, key } = world;

const calls = [
  { name: "everything__echo", arguments: { message: "through the gateway" } },
  { name: "files__read_text_file", arguments: { path: `${peers.folder}/hello.txt` } },
  { name: "memory__read_graph", arguments: {} },
  { name: "fast__add", arguments: { a: 19, b: 23 } },
];
const expected = [/through the gateway/, /hello from a file/, /"entities"/, /42/];

describe("real clients list and call tools of four servers at one URL", { concurrency: 2 }, () => {
  for (const { name, version, run } of clients) {
    test(name, async () => {
      const came = await run(gateway.up.mcp_url, key, calls);
      if (version) assert.equal(came.version, version);
      for (const call of calls) assert.ok(came.tools.includes(call.name), `${call.name} is not in ${came.tools}`);
      came.results.forEach((result, index) => assert.match(result.content[0].text, expected[index]));
    });
  }
});

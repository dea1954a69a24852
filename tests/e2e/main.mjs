// The whole suite in one process: one gateway, one set of upstreams, the tests one after the other.
// `node e2e/main.mjs [part of a file's name…]`; the environment says where the gateway is (lib/gateway.mjs).

import { readdir } from "node:fs/promises";
import { after } from "node:test";

import { endAll } from "../lib/process.mjs";
import { world } from "../lib/world.mjs";

after(async () => {
  await world.gateway.stop();
  await world.scripted.close();
  await endAll();
});

const wanted = process.argv.slice(2);
const files = (await readdir(new URL(".", import.meta.url))).filter((file) => file.endsWith(".test.mjs")).sort();
for (const file of files) {
  if (wanted.length === 0 || wanted.some((part) => file.includes(part))) await import(`./${file}`);
}

// Servers of the official SDKs behind the gateway, in each era: every list, call, reading, prompt and completion is, byte for byte, what the
// same server gives that is asked directly in that era.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { startSdks } from "../conformance/others.mjs";
import { Session, modern } from "../lib/mcp.mjs";
import { KINDS, all, said, sorted } from "../lib/offers.mjs";
import { rawAt } from "../lib/raw_json.mjs";
import { world } from "../lib/world.mjs";

const { gateway } = world;

const call = (name, args = {}) => ["tools/call", { name, arguments: args }];
const ASKED = [
  call("test_simple_text"),
  call("test_image_content"),
  call("test_audio_content"),
  call("test_embedded_resource"),
  call("test_multiple_content_types"),
  call("test_error_handling"),
  ["prompts/get", { name: "test_simple_prompt" }],
  ["prompts/get", { name: "test_prompt_with_arguments", arguments: { arg1: "ä", arg2: "\u2028" } }],
  ["prompts/get", { name: "test_prompt_with_embedded_resource", arguments: { resourceUri: "test://somewhere" } }],
  ["prompts/get", { name: "test_prompt_with_image" }],
  ["resources/read", { uri: "test://static-text" }],
  ["resources/read", { uri: "test://static-binary" }],
  ["resources/read", { uri: "test://template/7/data" }],
  ["completion/complete", { ref: { type: "ref/prompt", name: "test_prompt_with_arguments" }, argument: { name: "arg1", value: "x" } }],
  ["completion/complete", { ref: { type: "ref/resource", uri: "test://template/{id}/data" }, argument: { name: "id", value: "1" } }],
];

/** A client of raw messages, in one era. */
async function asker(era, url, key) {
  if (era === "modern") return (method, params) => modern(url, key, method, params);
  const session = await Session.open(url, key);
  return (method, params) => session.request(method, params);
}

describe("servers of the official SDKs", () => {
  let tenant, key, urls;

  before(async () => {
    urls = await startSdks();
    tenant = await gateway.tenant("sdks");
    for (const [name, url] of Object.entries(urls)) {
      for (const era of ["legacy", "modern"]) await tenant.server(`${name}-${era}`, url, { era });
    }
    ({ secret: key } = await tenant.key());
  });

  for (const name of ["typescript", "python"]) {
    for (const era of ["legacy", "modern"]) {
      test(`${name}, ${era}: all that it offers`, async () => {
        const [direct, through] = await Promise.all([asker(era, urls[name]), asker(era, `${tenant.mcp}/${name}-${era}`, key)]);
        for (const method of Object.keys(KINDS)) {
          const own = sorted(await all(direct, method));
          assert.ok(own.length > 0, method);
          assert.deepEqual(sorted(await all(through, method)), own, method);
        }
      });

      test(`${name}, ${era}: all that it answers`, async () => {
        const [direct, through] = await Promise.all([asker(era, urls[name]), asker(era, `${tenant.mcp}/${name}-${era}`, key)]);
        for (const [method, params] of ASKED) {
          const own = rawAt(said(await direct(method, params)), "result");
          assert.ok(own, `${method} ${JSON.stringify(params)} has a result`);
          // What a key may read is cached for that key.
          const expected = method === "resources/read" ? own.replace('"cacheScope":"public"', '"cacheScope":"private"') : own;
          assert.equal(rawAt(said(await through(method, params)), "result"), expected, `${method} ${JSON.stringify(params)}`);
        }
      });
    }
  }
});

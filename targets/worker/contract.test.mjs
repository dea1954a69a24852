// The store contract inside workerd, against the real bindings: node --test targets/worker/contract.test.mjs
//
// Builds the worker with its `contract` feature beside the product's build, never over it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(here, "../../target");
const build = join(target, "worker-contract");
const persist = mkdtempSync(join(tmpdir(), "toolgate-worker-"));
let worker;

before(async () => {
  execFileSync("worker-build", ["--dev", "--out-dir", build, "--features", "contract"], {
    cwd: here,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    stdio: ["ignore", "ignore", "inherit"],
  });
  worker = await start();
});

after(async () => {
  await worker?.stop();
  rmSync(persist, { recursive: true, force: true });
});

async function start(settings = { TOOLGATE_MASTER_KEY: "0f".repeat(32), TOOLGATE_COUNTERS: "1" }) {
  const args = [join(here, "dev.mjs"), "--port", "0", "--persist", persist, "--build", build];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const ended = new Promise((done) => child.on("exit", done));
  const failed = ended.then((code) => Promise.reject(new Error(`dev.mjs ended with ${code}: ${log}`)));
  failed.catch(() => {});
  const line = new Promise((done) => createInterface(child.stdout).once("line", done));
  const { listening } = JSON.parse(await Promise.race([line, failed]));
  return {
    get: (path) => fetch(`http://${listening}${path}`),
    log: () => log,
    stop: () => (child.kill("SIGTERM"), ended),
  };
}

async function holds(path) {
  const answer = await worker.get(path);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return Number(text);
}

test("the store keeps the contract", async () => {
  assert.ok((await holds("/__contract?store=one")) > 40);
});

test("copies in KV are believed when they can be, and lose nothing", async () => {
  assert.ok((await holds("/__contract?copies=two")) > 15);
});

test("the mailbox keeps the contract", async () => {
  assert.equal(await holds("/__contract?mailbox=three"), 1);
});

test("the ledger keeps the contract", async () => {
  assert.ok((await holds("/__contract?ledger=four")) > 40);
});

test("a panic is answered with 500, and the next request is served", async () => {
  assert.equal((await worker.get("/__contract?panic=now")).status, 500);
  assert.ok((await worker.get("/healthz")).status < 500);
});

test("a restart loses nothing", async () => {
  assert.equal(await worker.stop(), 0);
  worker = await start();
  // The same tenants again: what the first run wrote is found, so the contract's first check fails.
  const answer = await worker.get("/__contract?store=one");
  assert.equal(answer.status, 500);
  assert.match(await answer.text(), /never written/);
});

test("without a master key every request says what to set", async () => {
  await worker.stop();
  worker = await start({ TOOLGATE_MASTER_KEY: "" });
  const answer = await worker.get("/healthz");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.match((await answer.json()).detail, /^TOOLGATE_MASTER_KEY is not set/);
});

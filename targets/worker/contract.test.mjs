// The store contract inside workerd, against the real bindings: node --test targets/worker/contract.test.mjs
//
// The worker is one with the feature `contract`, built beside the product's, never over it (xtask/src/build.rs).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
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
    memory: () => resident(child.pid),
    stop: () => (child.kill("SIGTERM"), ended),
    // workerd first, which is its child: what has it has no time to say goodbye.
    kill: () => {
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
      for (const pid of [...children, child.pid]) process.kill(Number(pid), "SIGKILL");
      return ended;
    },
  };
}

// What the runtime below the process `pid` holds, in bytes.
function resident(pid) {
  const status = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).flatMap((name) => {
    try {
      return [readFileSync(`/proc/${name}/status`, "utf8")];
    } catch {
      return [];
    }
  });
  const children = status.filter((text) => text.includes(`\nPPid:\t${pid}\n`));
  return 1024 * Math.max(...children.map((text) => Number(/^VmRSS:\s+([0-9]+)/m.exec(text)?.[1] ?? 0)));
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

test("programs end as they should, and as on every other host", async () => {
  const outcomes = readFileSync(join(here, "../../sandbox/programs/outcomes.txt"), "utf8").trimEnd().split("\n");
  for (const [index, outcome] of outcomes.entries()) {
    const answer = await worker.get(`/__contract?program=${index}`);
    assert.equal(await answer.text(), outcome);
  }
  assert.equal((await worker.get(`/__contract?program=${outcomes.length}`)).status, 404);
});

test("programs that take turns on a memory find their own state again", async () => {
  assert.equal(await holds("/__contract?side-by-side=8"), 8);
});

test("no memory holds what an earlier program left", async () => {
  assert.equal(await holds("/__contract?leak=no"), 6);
});

test("two thousand programs leave memory as it was", async () => {
  await holds("/__contract?programs=200");
  const before = worker.memory();
  for (let i = 0; i < 10; i++) assert.equal(await holds("/__contract?programs=200"), 20);
  const grown = worker.memory() - before;
  assert.ok(grown < 32 << 20, `${grown} bytes more`);
});

const ALLOWED = 300;

// Clients call until each was refused for longer than slices last; `on(n)` hears of the n-th call that was let through.
async function race(tenant, mode, clients = 16, on = () => {}) {
  let through = 0;
  const client = async (number) => {
    const times = { nowhere: 0, failed: 0 };
    while (times.nowhere < 40 && times.failed < 1_000) {
      const went = await worker
        .get(`/__contract?race=${tenant},${mode},${number}`)
        .then(async (answer) => (answer.ok ? answer.text() : "failed"))
        .catch(() => "failed");
      if (went === "through") {
        times.nowhere = 0;
        on((through += 1));
      } else {
        times[went] += 1;
        await new Promise((done) => setTimeout(done, 50));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return through;
}

for (const mode of ["strict", "leased"]) {
  test(`sixteen clients are let through exactly as often as allowed: ${mode}`, async () => {
    assert.equal(await race(`r-${mode}`, mode), ALLOWED);
    assert.equal(await holds(`/__contract?charged=r-${mode},${mode}`), ALLOWED);
  });

  test(`what is killed frees nothing that may have been spent: ${mode}`, async () => {
    let killed;
    const through = await race(`k-${mode}`, mode, 16, (n) => {
      if (n === ALLOWED / 3) killed = worker.kill().then(() => start()).then((again) => (worker = again));
    });
    await killed;
    // Strictly, at most the calls are lost that were under way.
    assert.ok(through <= ALLOWED && through >= (mode === "strict" ? ALLOWED - 16 : ALLOWED / 3), String(through));
    assert.equal(await race(`k-${mode}`, mode, 4), 0);
    assert.equal(await holds(`/__contract?charged=k-${mode},${mode}`), ALLOWED);
  });
}

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

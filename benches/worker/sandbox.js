// A Worker that runs programs in the sandbox: POST /?runs=N with {"code", "results": {"tool": json}} runs it N times; without code it only
// makes the instances.
import module from "../../sandbox/sandbox.wasm";
import { SandboxPool } from "../../targets/worker/sandbox-host.mjs";

const pool = new SandboxPool(module, 2, 16, 64 << 20);
const [text, bytes] = [new TextDecoder(), new TextEncoder()];
const LIMITS = { memory: 48 << 20, calls: 50, arguments: 262144, result: 4 << 20, logs: 16384 };

export default {
  async fetch(request) {
    const runs = Number(new URL(request.url).searchParams.get("runs"));
    const { code, results } = await request.json();
    const tools = Object.keys(results).map((name) => [name, name]);
    const start = bytes.encode(
      JSON.stringify({ code, seed: 1, now: 0, servers: [{ id: "github", ident: "github", tools }], limits: LIMITS }),
    );
    const frames = Object.fromEntries(Object.entries(results).map(([name, result]) => [name, frame(result)]));
    let gas = 0n;
    for (let i = 0; i < runs; i++) gas = code === undefined ? instance() : run(start, frames);
    return new Response(String(gas));
  },
};

// A result of the first call.
function frame(result) {
  const json = bytes.encode(JSON.stringify(result));
  const whole = new Uint8Array(9 + json.length);
  new DataView(whole.buffer).setUint32(5, json.length, true);
  whole.set(json, 9);
  return whole;
}

// An instance in which nothing runs, because it has no gas.
function instance() {
  const execution = pool.open();
  if (execution.step("start", new Uint8Array(), 0n)) throw new Error("it ran without gas");
  execution.close();
  return 0n;
}

// Runs a program that makes one call at most; gives the gas it used.
function run(start, frames) {
  const gas = 1_000_000_000n;
  const execution = pool.open();
  try {
    let ok = execution.step("start", start, gas);
    let reply = answer(execution);
    if (reply.calls) {
      ok &&= execution.step("resume", frames[reply.calls[0].tool], execution.gas);
      reply = answer(execution);
    }
    if (!ok || !reply.done) throw new Error(JSON.stringify(reply));
    return gas - execution.gas;
  } finally {
    execution.close();
  }
}

function answer(execution) {
  const report = new DataView(execution.report.buffer);
  return JSON.parse(text.decode(execution.bytes(report.getUint32(0, true), report.getUint32(4, true))));
}

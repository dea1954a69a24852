// Toolgate in workerd: CPU per call beside a Worker that only proxies and one that makes the calls of the platform that a gateway has
// to make, and the first answer of a fresh process beside an empty Worker. node bench.mjs BUILD UPSTREAM LOAD: the built worker's
// folder, and two programs of the load bench.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import readline from "node:readline";

import { plain, prepare, toolgate } from "./workerd.mjs";

const [build, upstreamProgram, loadProgram] = process.argv.slice(2);
const STARTS = 15;
const CONNECTIONS = [1, 8, 32];
/** For how many seconds each is used before it is measured: meanwhile V8 compiles anew what is called often. */
const WARM_UP = 15;

const scratch = mkdtempSync(join(tmpdir(), "toolgate-bench-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const token = randomBytes(16).toString("hex");
const settings = { TOOLGATE_MASTER_KEY: randomBytes(32).toString("hex"), TOOLGATE_OPERATOR_TOKEN: token, TOOLGATE_ALLOWED_HOSTS: "127.0.0.1" };

async function started(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill());
  const { value } = await readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return `http://${JSON.parse(value).listening}`;
}

async function admin(base, method, path, body) {
  const answer = await fetch(`${base}/admin/v1/tenants/bench${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

function load({ url, pid, tool, key = "" }, connections, seconds = 3) {
  const args = ["--url", url, "--pid", pid, "--connections", connections, "--seconds", seconds, "--key", key, "--call", tool];
  return JSON.parse(execFileSync(loadProgram, args.map(String), { stdio: ["ignore", "pipe", "inherit"] }));
}

async function perCall() {
  const upstream = await started(upstreamProgram, ["--tools", "3"]);
  const proxy = await prepare(plain("proxy.js", { TO: `${upstream}/mcp` }), join(scratch, "proxy"))();
  const calls = await prepare(plain("calls.js", { TO: `${upstream}/mcp` }), join(scratch, "calls"))();
  const gateway = await prepare(toolgate(build, settings), join(scratch, "toolgate"))();
  await admin(gateway.base, "PUT", "", {});
  await admin(gateway.base, "PUT", "/servers/bench", { url: `${upstream}/mcp`, network: "loopback" });
  const { secret } = await admin(gateway.base, "POST", "/keys", { name: "bench", grants: ["*"] });
  const subjects = [
    ["proxy Worker", { url: `${proxy.base}/mcp`, pid: proxy.pid, tool: "echo" }],
    ["its calls in JS", { url: `${calls.base}/mcp`, pid: calls.pid, tool: "echo" }],
    ["Toolgate", { url: `${gateway.base}/t/bench/mcp`, pid: gateway.pid, tool: "bench__echo", key: secret }],
  ];
  for (const [, subject] of subjects) load(subject, 8, WARM_UP);

  console.log("\ntools/call in workerd\n                  conns     CPU µs      per s     p50 µs     p99 µs  peak MB");
  for (const connections of CONNECTIONS) {
    const rows = subjects.map(([name, subject]) => [name, load(subject, connections)]);
    for (const [name, figures] of rows) {
      const columns = [figures.cpu_us.toFixed(1), figures.per_second.toFixed(0), figures.p50_us, figures.p99_us];
      const cells = columns.map((value) => String(value).padStart(11)).join("");
      console.log(`${name.padEnd(16)}${String(connections).padStart(7)}${cells}${(figures.peak_kb / 1024).toFixed(1).padStart(9)}`);
    }
    const [plainly, inScript, through] = rows.map(([, figures]) => figures.cpu_us);
    console.log(`Toolgate needs ${(through / plainly).toFixed(2)} times the proxy Worker's CPU, its calls in JS ${(inScript / plainly).toFixed(2)} times`);
  }
  await Promise.all([proxy.end(), calls.end(), gateway.end()]);
}

/** The status of one request on a connection of its own. */
async function status(url) {
  const request = http.get(url, { agent: false });
  const [response] = await once(request, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

/** CPU of all threads of a process, in milliseconds. */
function cpu(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanos = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]));
  return nanos.reduce((sum, each) => sum + each, 0) / 1e6;
}

/** From starting the process to its first answer: [milliseconds, milliseconds of CPU]. */
async function firstAnswer(start, path) {
  const begin = performance.now();
  const { base, pid, end } = await start();
  const code = await status(`${base}${path}`);
  const took = [performance.now() - begin, cpu(pid)];
  await end();
  if (code !== 200) throw new Error(`${path} answered ${code}`);
  return took;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function starts() {
  const subjects = [
    ["empty Worker", prepare(plain("empty.js"), join(scratch, "empty"))],
    ["Toolgate", prepare(toolgate(build, settings), join(scratch, "fresh"))],
  ];
  const took = subjects.map(() => []);
  // In turns, so that a busy moment of the machine falls on both.
  for (let round = 0; round < STARTS; round++) {
    for (const [index, [, start]] of subjects.entries()) took[index].push(await firstAnswer(start, "/healthz"));
  }
  const medians = took.map((each) => [median(each.map(([wall]) => wall)), median(each.map(([, used]) => used))]);
  console.log(`\nfirst answer of a fresh process (median of ${STARTS})\n                      ms   CPU ms`);
  subjects.forEach(([name], index) => console.log(`${name.padEnd(16)}${medians[index].map((value) => value.toFixed(1).padStart(9)).join("")}`));
  const [empty, full] = medians;
  console.log(`Toolgate needs ${(full[0] / empty[0]).toFixed(2)} times the empty Worker's time, ${(full[1] / empty[1]).toFixed(2)} times its CPU`);
}

await starts();
await perCall();
process.exit(0);

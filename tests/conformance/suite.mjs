// The official conformance suite: what a revision requires, a run of it, and what came of each scenario.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { spawn } from "node:child_process";

const require = createRequire(import.meta.url);
const home = dirname(require.resolve("@modelcontextprotocol/conformance/package.json"));
const program = join(home, "dist/index.js");
const expected = new URL("expected-failures.yml", import.meta.url).pathname;

/** The scenarios that `revision` requires of a `server` or a `client`. */
export function required(revision, side) {
  const text = readFileSync(join(home, `requirements/${revision}.yaml`), "utf8");
  const list = new RegExp(`^${side}:\\n((?: .*\\n|#.*\\n|\\n)*)`, "m").exec(text)[1];
  return [...list.matchAll(/^ +- ([\w/-]+)/gm)].map(([, name]) => name);
}

/** Runs the suite; gives its exit code and all it printed. */
export function run(args, { env = {} } = {}) {
  const child = spawn(process.execPath, [program, ...args, "--expected-failures", expected], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((done) => child.on("close", (code) => done({ code, output })));
}

/** Of the `scenarios`, those that the summary in `output` says have passed. One of which nothing was checked has not. */
export function passed(output, scenarios) {
  const good = new Set(tried(output, /^✓ ([\w/-]+): [1-9]\d* passed/gm));
  return scenarios.filter((name) => good.has(name));
}

/** The scenarios that were tried, required or not. */
export function all(output) {
  return tried(output, /^[✓✗] ([\w/-]+): /gm);
}

function tried(output, line) {
  const summary = output.slice(output.indexOf("=== SUMMARY ==="));
  return [...summary.matchAll(line)].map(([, name]) => name);
}

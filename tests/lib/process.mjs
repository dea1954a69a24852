// Other programs: started in groups of their own, ended with everything they started.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import readline from "node:readline";

import { until } from "./wait.mjs";

const groups = new Set();

process.on("exit", () => groups.forEach((pid) => signalGroup(pid, "SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await endAll();
    process.exit(1);
  });
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

/** Starts a program. Its log is shown when it fails to start, or always with TOOLGATE_TEST_LOGS=1. */
export function start(program, args, { env = {}, cwd } = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  groups.add(child.pid);
  child.log = "";
  const keep = (chunk) => {
    child.log = (child.log + chunk).slice(-20_000);
    if (process.env.TOOLGATE_TEST_LOGS) process.stderr.write(chunk);
  };
  child.stderr.on("data", keep);
  child.lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.keepStdout = () => child.stdout.on("data", keep);
  child.on("error", (error) => keep(String(error)));
  return child;
}

/** Runs a program to its end and gives its code and what it printed. */
export async function finished(program, args, { env = {}, input = "" } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"], detached: true });
  groups.add(child.pid);
  const [out, err] = [[], []];
  child.stdout.on("data", (chunk) => out.push(chunk));
  child.stderr.on("data", (chunk) => err.push(chunk));
  // It may have ended before it reads anything.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = await once(child, "close");
  groups.delete(child.pid);
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

/** The same where only success will do: what it printed. */
export async function output(program, args, options) {
  const { code, out, err } = await finished(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}\n${out}\n${err}`);
  return out;
}

/** Ends a program and everything it started. */
export async function end(child) {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, "exit");
    signalGroup(child.pid, "SIGTERM");
    await closed;
  }
  signalGroup(child.pid, "SIGKILL");
  groups.delete(child.pid);
}

const children = new Set();

/** Remembers `child`, to be ended by `endAll`. */
export function owned(child) {
  children.add(child);
  return child;
}

export async function endAll() {
  await Promise.all([...children].map(end));
  children.clear();
}

/** A port that nothing listens on now. */
export async function freePort() {
  const server = net.createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until something accepts connections at `port`. */
export function listening(child, port) {
  return until(`something listens on port ${port}:\n${child.log}`, 60, () => {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(" ")} ended:\n${child.log}`);
    return new Promise((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("close", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
  });
}

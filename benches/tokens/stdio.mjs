// MCP over a child's standard input and output, as far as the bench needs it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const PATIENCE_MS = 60_000;

export class StdioServer {
  #next = 1;
  #waiting = new Map();
  #log = "";

  /** Starts `command` in `cwd` and greets it. */
  static async start([program, ...args], { env = {}, cwd }) {
    const server = new StdioServer();
    server.child = spawn(program, args, { cwd, env: { PATH: process.env.PATH, HOME: cwd, ...env }, stdio: "pipe" });
    server.child.stderr.on("data", (text) => (server.#log = (server.#log + text).slice(-2000)));
    server.child.on("error", (error) => server.#fail(error.message));
    server.child.on("exit", (code) => server.#fail(`it ended with ${code}`));
    server.child.stdin.on("error", () => {});
    createInterface({ input: server.child.stdout }).on("line", (line) => server.#receive(line));
    server.greeting = await server.request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "bench", version: "1" },
    });
    server.#send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return server;
  }

  /** A request's result. */
  async request(method, params = {}) {
    const message = await this.ask({ method, params });
    if (message.error) throw new Error(`${method}: ${message.error.message}`);
    return message.result;
  }

  /** The message that answers a request, whatever its id was. */
  ask({ method, params }) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer\n${this.#log}`)), PATIENCE_MS);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        how(value);
      };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** All its tools, every page followed. */
  async tools() {
    const tools = [];
    let cursor;
    do {
      const page = await this.request("tools/list", cursor === undefined ? {} : { cursor });
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return tools;
  }

  stop() {
    this.child.removeAllListeners("exit");
    this.child.kill("SIGKILL");
  }

  #send(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #receive(line) {
    // Some print to standard output what is no message.
    if (!line.startsWith("{")) return;
    const message = JSON.parse(line);
    if (message.method !== undefined) {
      // What a server asks its client: there is nothing to offer.
      if (message.id !== undefined) {
        const answer = message.method === "ping" ? { result: {} } : { error: { code: -32601, message: "not here" } };
        this.#send({ jsonrpc: "2.0", id: message.id, ...answer });
      }
      return;
    }
    this.#waiting.get(message.id)?.resolve(message);
  }

  #fail(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${why}\n${this.#log}`));
  }
}

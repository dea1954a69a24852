// The bench's own program (src/main.rs): Code Mode's pure part, asked line by line.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export class CodeMode {
  /** Over `servers`, as `startServers` gives them. */
  constructor(program, servers) {
    this.child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    const all = Object.entries(servers).flatMap(([server, { tools }]) => tools.map((tool) => ({ server, name: tool.name, tool })));
    this.child.stdin.write(`${JSON.stringify(all)}\n`);
  }

  async ask(op, args = {}) {
    this.child.stdin.write(`${JSON.stringify({ op, arguments: args })}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the program ended at ${op}`);
    return JSON.parse(value);
  }

  /** What a tool answers. */
  async text(op, args) {
    return (await this.ask(op, args)).text;
  }

  async definition(name) {
    return JSON.parse(await this.text("definition", { name }));
  }

  stop() {
    this.child.stdin.end();
  }
}

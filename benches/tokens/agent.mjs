// A scripted agent: what a model would read and write in a task, counted. No model is asked: the scripts are in tasks.mjs, everything else
// (definitions, what tools and search answer) is real.
//
// A round trip is one turn of the model: it reads the definitions and all that was said so far, and writes. What a provider puts around
// messages is not counted; it is the same for both.

import { tokens } from "./count.mjs";

class Conversation {
  constructor(definitions, prompt) {
    Object.assign(this, { definitions, said: tokens(prompt), known: 0, input: 0, reread: 0, output: 0, trips: 0 });
  }

  /** The model writes `text`, having read everything before; what it had read already may come from the provider's cache. */
  write(text) {
    this.trips++;
    this.input += this.definitions + this.said;
    this.reread += this.known;
    this.known = this.definitions + this.said;
    const written = tokens(text);
    this.output += written;
    this.said += written;
  }

  /** What the model is given to read. */
  read(text) {
    this.said += tokens(text);
  }
}

const written = (name, args) => JSON.stringify({ name, arguments: args });

/** The text that a client gives its model of a result. */
export const textOf = (result) => result.content.filter((block) => block.type === "text").map((block) => block.text).join("\n");

/** `host.call(server, tool, arguments)` gives a result. */
export async function direct(task, definitions, host) {
  const conversation = new Conversation(definitions, task.prompt);
  const script = task.direct();
  for (let step = script.next(); ; ) {
    if (step.done) {
      conversation.write(step.value);
      return { ...conversation, correct: task.check(step.value) };
    }
    conversation.write(step.value.map(({ server, tool, arguments: args }) => written(`${server}__${tool}`, args)).join("\n"));
    const results = await Promise.all(step.value.map(({ server, tool, arguments: args }) => host.call(server, tool, args)));
    const failed = results.find((result) => result.isError);
    if (failed) throw new Error(`${task.name}: ${textOf(failed)}`);
    const texts = results.map(textOf);
    texts.forEach((text) => conversation.read(text));
    step = script.next(texts);
  }
}

/** What a first attempt that fails costs the one who makes it. */
const FAILED = JSON.stringify({
  status: "failed",
  calls: ["server.tool"],
  error: { kind: "runtime", message: "TypeError: cannot read property of undefined", line: 3, completedCalls: [{ tool: "server.tool", ok: true }] },
});

/**
 * `host.search(arguments)` and `host.execute(code)` give the texts of results. Who is clumsy searches twice, for other things first, and writes
 * code that fails before it writes code that does not.
 */
export async function byCode(task, definitions, host, { clumsy = false } = {}) {
  const conversation = new Conversation(definitions, task.prompt);
  for (const query of clumsy ? [task.prompt, task.search] : [task.search]) {
    conversation.write(written("search", { query }));
    conversation.read(await host.search({ query }));
  }
  if (clumsy) {
    conversation.write(written("execute", { code: task.code }));
    conversation.read(FAILED);
  }
  conversation.write(written("execute", { code: task.code }));
  const text = await host.execute(task.code);
  conversation.read(text);
  const { status, result, error } = JSON.parse(text);
  if (status !== "completed") throw new Error(`${task.name}: ${JSON.stringify(error)}`);
  const answer = task.say ? task.say(result) : String(result);
  conversation.write(answer);
  return { ...conversation, correct: task.check(answer) };
}

// The token bench: what a model reads and writes when tools are listed one by one, and when they are behind `search` and `execute`.
//
// Every figure says how it came to be: measured (counted on what real servers and the product say), computed (from measured ones), estimated.
// The tasks go through the gateway that TOOLGATE_UP_COMMAND starts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Gateway } from "../../tests/lib/gateway.mjs";
import { byCode, direct } from "./agent.mjs";
import { bridge } from "./bridge.mjs";
import { CodeMode } from "./codemode.mjs";
import { definitions, median, quantile, tokens } from "./count.mjs";
import * as hosts from "./hosts.mjs";
import { startServers } from "./servers.mjs";
import { tasks } from "./tasks.mjs";
import { makeWorld } from "./world.mjs";

const CODE = ["search", "execute"];
const BIFROST = ["listToolFiles", "readToolFile", "getToolDocs", "executeToolCode"];
const QUERIES = JSON.parse(readFileSync(new URL("queries.json", import.meta.url), "utf8")).queries;

const number = (value) => Math.round(value).toLocaleString("en-US");
const row = (...cells) => console.log(cells.map((cell, at) => (at === 0 ? String(cell).padEnd(46) : String(cell).padStart(11))).join(" "));

/** What is read again costs a tenth where providers keep it, and what is written five times what is read: usual prices, estimated. */
const price = ({ input, reread, output }) => input - 0.9 * reread + 5 * output;

const root = mkdtempSync(join(tmpdir(), "toolgate-tokens-"));
const world = makeWorld(root);
const started = await startServers(root);
const codeMode = new CodeMode(process.env.TOOLGATE_CODEMODE, started);
const named = (servers) => Object.entries(servers).flatMap(([id, { tools }]) => tools.map((tool) => [`${id}__${tool.name}`, tool]));
const all = named(started);
const everything = definitions(all);
const code = definitions(await Promise.all(CODE.map(async (name) => [name, await codeMode.definition(name)])));

await catalogue();
await search();
await agents();

codeMode.stop();
for (const { server } of Object.values(started)) server.stop();
rmSync(root, { recursive: true, force: true });
process.exit(0);

async function catalogue() {
  const size = await codeMode.ask("size");
  console.log(`${all.length} tools of ${Object.keys(started).length} servers, tokens of o200k`);
  row("", "tokens", "how");
  row("all definitions (name, description, schema)", number(everything), "measured");
  row("search and execute, their definitions", number(code), "measured");
  row("search without a query", number(tokens(await codeMode.text("search", {}))), "measured");
  const answers = [];
  for (const [query] of QUERIES) answers.push(tokens(await codeMode.text("search", { query })));
  row(`search, ${QUERIES.length} queries: median`, number(median(answers)), "measured");
  row("search: 9 of 10 at most, and the longest", `${number(quantile(answers, 0.9))}, ${number(Math.max(...answers))}`, "measured");
  const bifrost = await Promise.all(BIFROST.map(async (name) => [name, await codeMode.definition(name)]));
  row("Bifrost's four names, served here", number(definitions(bifrost)), "measured");
  row("  listToolFiles", number(tokens(await codeMode.text("listToolFiles", {}))), "measured");
  const files = [];
  for (const id of Object.keys(started)) files.push(tokens(await codeMode.text("readToolFile", { fileName: `servers/${id}.d.ts` })));
  row("  readToolFile: median, and the largest server", `${number(median(files))}, ${number(Math.max(...files))}`, "measured");
  row("Bifrost itself, its four definitions", "1,109", "reported");
  console.log(`the index: ${number(size.bytes)} bytes, built in ${(size.built_us / 1000).toFixed(0)} ms`);
}

async function search() {
  console.log(`\nsearch, ${QUERIES.length} labelled queries: the right tool is among the first 1, 5, 10 (measured)`);
  row("", "queries", "hit@1", "hit@5", "hit@10");
  const sets = { "tuned on": [], "held out": [] };
  const times = [];
  for (const [at, [query, right]] of QUERIES.entries()) {
    const { tools, us } = await codeMode.ask("ranked", { query });
    sets[at % 3 === 2 ? "held out" : "tuned on"].push(tools.findIndex((tool) => right.includes(tool)));
    times.push(us);
  }
  for (const [name, ranks] of Object.entries(sets)) {
    const hit = (k) => `${((100 * ranks.filter((rank) => rank >= 0 && rank < k).length) / ranks.length).toFixed(1)} %`;
    row(name, ranks.length, hit(1), hit(5), hit(10));
  }
  console.log(`a query: median ${median(times)} µs (measured)`);
}

/** A gateway before the servers, with a key of each mode. */
async function throughGateway() {
  const gateway = await Gateway.find();
  const tenant = await gateway.tenant("tokens");
  const bridged = await bridge(started);
  for (const [id, url] of Object.entries(bridged.urls)) await tenant.server(id, url, { era: "legacy" });
  const [{ secret: plain }, { secret: coded }] = [await tenant.key(), await tenant.key(["*"], { tools_mode: "code" })];
  const stop = async () => {
    await gateway.stop();
    bridged.stop();
  };
  const shown = (await hosts.listed(tenant.mcp, coded)).map((tool) => [tool.name, tool]);
  return { direct: hosts.gatewayDirect(tenant.mcp, plain), code: hosts.gatewayCode(tenant.mcp, coded), shown: definitions(shown), stop };
}

async function agents() {
  const gateway = await throughGateway();
  console.log(`\nscripted tasks, ${all.length} tools, through the gateway (measured)`);
  row("", "in direct", "in code", "out direct", "out code", "trips", "correct");
  const ask = async (server, tool, args) => hosts.valueOf(await hosts.servers(started).call(server, tool, args));
  const agentsOf = (task) => ({
    plain: () => direct(task, everything, gateway.direct),
    coded: () => byCode(task, gateway.shown, gateway.code),
    clumsy: () => byCode(task, gateway.shown, gateway.code, { clumsy: true }),
  });
  const runs = [];
  for (const task of tasks(world)) {
    const run = { task };
    for (const [name, agent] of Object.entries(agentsOf(task))) {
      run[name] = await agent();
      if (task.after) run[name].correct &&= await task.after(ask);
      await task.undo?.(ask);
    }
    runs.push(run);
    const { plain, coded } = run;
    const correct = [plain, coded].filter((one) => one.correct).length;
    row(task.name, number(plain.input), number(coded.input), number(plain.output), number(coded.output), `${plain.trips}, ${coded.trips}`, `${correct} of 2`);
  }
  const sum = (name, part) => runs.reduce((total, run) => total + run[name][part], 0);
  const both = (part) => [sum("plain", part), sum("coded", part)];
  const [[inDirect, inCode], [outDirect, outCode]] = [both("input"), both("output")];
  row("all", number(inDirect), number(inCode), number(outDirect), number(outCode), both("trips").join(", "), "");
  console.log(`input ${((100 * inCode) / inDirect).toFixed(1)} %, output ${((100 * outCode) / outDirect).toFixed(1)} % of direct`);
  await gateway.stop();
  breakEven(runs);
}

/** From how many tools on code costs less than direct: the definitions with which both cost the same. */
function breakEven(runs) {
  const mean = everything / all.length;
  console.log(`\nbreak-even: definitions with which code costs what direct does, in tokens (computed; a tool is ${mean.toFixed(0)} tokens here)`);
  console.log("clumsy: one search and one failed execution more. price: reading again a tenth, writing fivefold (estimated)");
  row("", "input", "clumsy", "price", "clumsy", "task needs");
  const kinds = [
    { of: "coded", cost: (run) => run.input, reads: (trips) => trips },
    { of: "clumsy", cost: (run) => run.input, reads: (trips) => trips },
    { of: "coded", cost: price, reads: (trips) => 1 + 0.1 * (trips - 1) },
    { of: "clumsy", cost: price, reads: (trips) => 1 + 0.1 * (trips - 1) },
  ];
  /** What code costs beyond direct without definitions, and how often direct reads definitions. */
  const even = (some, { of, cost, reads }) => {
    const weights = some.map(({ plain }) => reads(plain.trips));
    const beyond = some.map((run, at) => cost(run[of]) - (cost(run.plain) - weights[at] * everything));
    const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
    return Math.max(0, total(beyond) / total(weights));
  };
  for (const run of runs) {
    const needed = definitions(named(Object.fromEntries(run.task.servers.map((id) => [id, started[id]]))));
    row(run.task.name, ...kinds.map((kind) => number(even([run], kind))), number(needed));
  }
  const together = kinds.map((kind) => even(runs, kind));
  row("all tasks together", ...together.map(number));
  row("the same in tools", ...together.map((tokens_) => number(tokens_ / mean)));
}

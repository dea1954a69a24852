// What programs cost in the sandbox in workerd, and in V8 without one: node benches/worker/sandbox.mjs MEGABYTE
// Prints one line of JSON, in milliseconds of a processor. MEGABYTE is a file of JSON, an array of rows.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { prepare, sandbox } from "./workerd.mjs";

const RUNS = { nothing: 300, small: 300, filter: 30, json: 15 };
const megabyte = JSON.parse(readFileSync(process.argv[2], "utf8"));
const results = { list_issues: { n: 42 }, rows: megabyte.slice(0, 1000), megabyte };
const code = (name) => readFileSync(fileURLToPath(new URL(`../sandbox/${name}.js`, import.meta.url)), "utf8");
const figures = { workerd: {}, v8: {} };

// What a process has used of processors, all its threads together, in milliseconds.
function processorTime(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]), 0) / 1e6;
}

const folder = mkdtempSync(join(tmpdir(), "toolgate-bench-"));
const begun = await prepare(sandbox(), folder)();
try {
  const ask = async (name, runs, tools) => {
    const body = JSON.stringify({ code: RUNS[name] && code(name), results: Object.fromEntries(tools.map((tool) => [tool, results[tool]])) });
    const answer = await fetch(`${begun.base}/?runs=${runs}`, { method: "POST", body });
    if (answer.status !== 200) throw new Error(await answer.text());
    return Number(await answer.text());
  };
  const tools = { instance: [], nothing: [], small: ["list_issues"], filter: ["rows"], json: ["megabyte"] };
  let before = processorTime(begun.pid);
  await ask("nothing", 1, []);
  figures.workerd.first = processorTime(begun.pid) - before;
  // Without code, only instances are made.
  for (const [name, runs] of Object.entries({ instance: 300, ...RUNS })) {
    // Until V8 has compiled what is used.
    for (let i = 0; i < 4; i++) await ask(name, Math.ceil(runs / 4), tools[name]);
    before = processorTime(begun.pid);
    await ask(name, 0, tools[name]);
    const empty = processorTime(begun.pid) - before;
    before = processorTime(begun.pid);
    figures.workerd[`${name} gas`] = await ask(name, runs, tools[name]);
    figures.workerd[name] = (processorTime(begun.pid) - before - empty) / runs;
  }
} finally {
  await begun.end();
  rmSync(folder, { recursive: true, force: true });
}

// A fresh context for each run, as for each program in the sandbox.
for (const [name, runs] of Object.entries(RUNS)) {
  const texts = Object.fromEntries(Object.entries(results).map(([tool, result]) => [tool, JSON.stringify(result)]));
  const once = async () => {
    const github = Object.fromEntries(Object.keys(texts).map((tool) => [tool, async () => JSON.parse(texts[tool])]));
    JSON.stringify(await vm.runInNewContext(`(async () => { ${code(name)} })()`, { github }));
  };
  for (let i = 0; i < runs / 4; i++) await once();
  const before = processorTime(process.pid);
  for (let i = 0; i < runs; i++) await once();
  figures.v8[name] = (processorTime(process.pid) - before) / runs;
}
console.log(JSON.stringify(figures));

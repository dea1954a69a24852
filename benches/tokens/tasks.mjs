// What the scripted agents do: each task by direct calls and by code. A script is what a capable model would write; `direct` yields the calls
// of one turn at a time (those that don't depend on each other in one turn) and is sent their texts.

import { join } from "node:path";

const most = (counts) => Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0][0];
const call = (server, tool, args) => ({ server, tool, arguments: args });
const rows = (csv) => csv.trim().split("\n").slice(1).map((line) => line.split(","));

export const tasks = (world) => [
  {
    name: "one call",
    servers: ["calc"],
    prompt: "What is the SHA-256 of the word hello?",
    *direct() {
      const [text] = yield [call("calc", "hash", { input: "hello", algorithm: "sha256" })];
      return JSON.parse(text).hash;
    },
    search: "hash text",
    code: `return (await calc.hash({input: "hello", algorithm: "sha256"})).hash;`,
    check: (answer) => answer.includes("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
  },
  {
    name: "three calls at once",
    servers: ["time"],
    prompt: "A meeting is at 15:00 in Berlin. What time is that in New York, Tokyo and Sydney?",
    *direct() {
      const zones = ["America/New_York", "Asia/Tokyo", "Australia/Sydney"];
      const to = (zone) => call("time", "convert_time", { source_timezone: "Europe/Berlin", time: "15:00", target_timezone: zone });
      const texts = yield zones.map(to);
      return texts.map((text) => JSON.parse(text).target.datetime.slice(11, 16)).join(", ");
    },
    search: "convert time between time zones",
    code: `const zones = ["America/New_York", "Asia/Tokyo", "Australia/Sydney"];
const all = await Promise.all(zones.map(z => time.convert_time({source_timezone: "Europe/Berlin", time: "15:00", target_timezone: z})));
return all.map(r => r.target.datetime.slice(11, 16)).join(", ");`,
    check: (answer) => /23:00/.test(answer) && answer.match(/\d\d:\d\d/g).length === 3,
  },
  {
    name: "count in five files",
    servers: ["filesystem"],
    prompt: `Which log file in ${join(world.root, "logs")} has the most lines with ERROR, and how many?`,
    *direct() {
      const dir = join(world.root, "logs");
      const [listing] = yield [call("filesystem", "list_directory", { path: dir })];
      const names = listing.split("\n").map((line) => line.replace("[FILE] ", ""));
      const texts = yield names.map((name) => call("filesystem", "read_text_file", { path: join(dir, name) }));
      const counts = Object.fromEntries(names.map((name, n) => [name, texts[n].split(" ERROR ").length - 1]));
      return `${most(counts)}: ${counts[most(counts)]}`;
    },
    search: "list directory; read text file",
    code: `const dir = ${JSON.stringify(join(world.root, "logs"))};
const {content} = await filesystem.list_directory({path: dir});
const names = content.split("\\n").map(l => l.replace("[FILE] ", ""));
const counts = await Promise.all(names.map(async n => {
  const f = await filesystem.read_text_file({path: dir + "/" + n});
  return [n, f.content.split("\\n").filter(l => l.includes("ERROR")).length];
}));
return counts.sort((a, b) => b[1] - a[1])[0].join(": ");`,
    check: (answer) => answer.includes(`${most(world.errors)}: ${world.errors[most(world.errors)]}`),
  },
  {
    name: "history of a repository",
    servers: ["git"],
    prompt: `Who made most of the last 40 commits in ${join(world.root, "repo")}, and how many?`,
    *direct() {
      const [log] = yield [call("git", "git_log", { repo_path: join(world.root, "repo"), max_count: 40 })];
      const counts = {};
      for (const [, author] of log.matchAll(/^Author: '?([A-Za-z]+)/gm)) counts[author] = (counts[author] ?? 0) + 1;
      return `${most(counts)}: ${counts[most(counts)]}`;
    },
    search: "git log commits",
    code: `const log = await git.git_log({repo_path: ${JSON.stringify(join(world.root, "repo"))}, max_count: 40});
const counts = {};
for (const [, a] of String(log.result ?? log).matchAll(/^Author: (\\w+)/gm)) counts[a] = (counts[a] ?? 0) + 1;
return counts;`,
    say: (counts) => `${most(counts)}: ${counts[most(counts)]}`,
    check: (answer) => answer.includes(`${most(world.commits)}: ${world.commits[most(world.commits)]}`),
  },
  {
    name: "table to knowledge graph",
    servers: ["filesystem", "memory"],
    prompt: `Put everyone in ${join(world.root, "people.csv")} into memory as a person who works at their company. How many work at Acme?`,
    *direct() {
      const [csv] = yield [call("filesystem", "read_text_file", { path: join(world.root, "people.csv") })];
      const people = rows(csv);
      const companies = [...new Set(people.map(([, company]) => company))];
      const entity = (type) => (name) => ({ name, entityType: type, observations: [] });
      const entities = [...people.map(([name]) => name).map(entity("person")), ...companies.map(entity("company"))];
      yield [call("memory", "create_entities", { entities })];
      const relations = people.map(([from, to]) => ({ from, to, relationType: "works at" }));
      yield [call("memory", "create_relations", { relations })];
      return String(people.filter(([, company]) => company === "Acme").length);
    },
    search: "read text file; create entities in memory; create relations",
    code: `const {content} = await filesystem.read_text_file({path: ${JSON.stringify(join(world.root, "people.csv"))}});
const people = content.trim().split("\\n").slice(1).map(l => l.split(","));
const entity = entityType => name => ({name, entityType, observations: []});
await memory.create_entities({entities: [...people.map(p => p[0]).map(entity("person")), ...[...new Set(people.map(p => p[1]))].map(entity("company"))]});
await memory.create_relations({relations: people.map(([from, to]) => ({from, to, relationType: "works at"}))});
return people.filter(p => p[1] === "Acme").length;`,
    check: (answer) => answer.includes(String(world.people.filter(([, company]) => company === "Acme").length)),
    // What the task leaves behind, looked at without any agent.
    after: async (ask) => {
      const graph = await ask("memory", "read_graph", {});
      return graph.relations.length === world.people.length;
    },
    undo: (ask) => ask("memory", "read_graph", {}).then(({ entities }) => ask("memory", "delete_entities", { entityNames: entities.map((one) => one.name) })),
  },
  {
    name: "table to workbook",
    servers: ["filesystem", "excel"],
    prompt: `Make an Excel workbook ${join(world.root, "sales.xlsx")} of the rows in ${join(world.root, "sales.csv")} and tell the total of the north.`,
    *direct() {
      const [csv] = yield [call("filesystem", "read_text_file", { path: join(world.root, "sales.csv") })];
      const path = join(world.root, "sales.xlsx");
      yield [call("excel", "create_workbook", { path, overwrite: true })];
      const table = rows(csv).map(([date, region, amount]) => [date, region, Number(amount)]);
      yield [call("excel", "write_range", { path, sheet: "Sheet1", at: "A1", rows: [["date", "region", "amount"], ...table] })];
      return String(table.filter(([, region]) => region === "north").reduce((sum, [, , amount]) => sum + amount, 0));
    },
    search: "read text file; create workbook; write cells",
    code: `const {content} = await filesystem.read_text_file({path: ${JSON.stringify(join(world.root, "sales.csv"))}});
const rows = content.trim().split("\\n").map((l, i) => l.split(",").map((v, c) => i && c === 2 ? Number(v) : v));
const path = ${JSON.stringify(join(world.root, "sales.xlsx"))};
await excel.create_workbook({path, overwrite: true});
await excel.write_range({path, sheet: "Sheet1", at: "A1", rows});
return rows.filter(r => r[1] === "north").reduce((s, r) => s + r[2], 0);`,
    check: (answer) => answer.includes(String(world.totals.north)),
    after: async (ask) => {
      const { values } = await ask("excel", "read_range", { path: join(world.root, "sales.xlsx"), sheet: "Sheet1", range: "B2:C61" });
      return values.filter(([region]) => region === "north").reduce((sum, [, amount]) => sum + amount, 0) === world.totals.north;
    },
  },
  {
    name: "across two servers",
    servers: ["git", "filesystem"],
    prompt: `How many bytes do the files that the last commit in ${join(world.root, "repo")} changed have together?`,
    *direct() {
      const repo = join(world.root, "repo");
      const [shown] = yield [call("git", "git_show", { repo_path: repo, revision: "HEAD" })];
      const names = [...shown.matchAll(/^\+\+\+ b\/(.*)$/gm)].map(([, name]) => name);
      const infos = yield names.map((name) => call("filesystem", "get_file_info", { path: join(repo, name) }));
      return String(infos.reduce((sum, info) => sum + Number(/^size: (\d+)/m.exec(info)[1]), 0));
    },
    search: "show git commit; file size info",
    code: `const repo = ${JSON.stringify(join(world.root, "repo"))};
const show = await git.git_show({repo_path: repo, revision: "HEAD"});
const names = [...String(show.result ?? show).matchAll(/^\\+\\+\\+ b\\/(.*)$/gm)].map(m => m[1]);
const infos = await Promise.all(names.map(n => filesystem.get_file_info({path: repo + "/" + n})));
return infos.reduce((s, i) => s + Number(/^size: (\\d+)/m.exec(i.content)[1]), 0);`,
    check: (answer) => answer.includes(String(Object.values(world.sizes).reduce((a, b) => a + b, 0))),
  },
];

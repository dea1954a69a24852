// What the tasks are about, the same on every run: log files, tables, a repository with a history.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A generator of numbers below `n` that always gives the same ones (the low bits of Numerical Recipes' LCG are poor: the high ones count). */
function numbers(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const REGIONS = ["north", "south", "east", "west"];
const FIRST = ["Ann", "Bob", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hal", "Ida", "Jon"];
const COMPANIES = ["Acme", "Globex", "Initech"];
const AUTHORS = ["Ann", "Bob", "Cleo"];

/** Makes it in `root`; gives what the answers must be. */
export function makeWorld(root) {
  const next = numbers(7);
  return { root, ...logs(root, next), ...people(root, next), ...sales(root, next), ...repository(root, next) };
}

function logs(root, next) {
  mkdirSync(join(root, "logs"));
  const errors = {};
  for (const name of ["api", "auth", "billing", "mail", "search"]) {
    const lines = Array.from({ length: 150 }, (_, n) => {
      const level = next(9) === 0 ? "ERROR" : "INFO";
      return `2026-11-0${1 + (n % 9)} ${level} ${name} request ${1000 + n} took ${next(900)} ms`;
    });
    errors[`${name}.log`] = lines.filter((line) => line.includes(" ERROR ")).length;
    writeFileSync(join(root, "logs", `${name}.log`), `${lines.join("\n")}\n`);
  }
  return { errors };
}

function people(root, next) {
  const rows = Array.from({ length: 30 }, (_, n) => [`${FIRST[n % 10]} ${String.fromCharCode(65 + n)}.`, COMPANIES[next(3)]]);
  writeFileSync(join(root, "people.csv"), `name,company\n${rows.map((row) => row.join(",")).join("\n")}\n`);
  return { people: rows };
}

function sales(root, next) {
  const rows = Array.from({ length: 60 }, (_, n) => [`2026-10-${String(1 + (n % 28)).padStart(2, "0")}`, REGIONS[next(4)], 10 + next(990)]);
  writeFileSync(join(root, "sales.csv"), `date,region,amount\n${rows.map((row) => row.join(",")).join("\n")}\n`);
  const totals = Object.fromEntries(REGIONS.map((region) => [region, 0]));
  for (const [, region, amount] of rows) totals[region] += amount;
  return { sales: rows, totals };
}

function repository(root, next) {
  const repo = join(root, "repo");
  mkdirSync(repo);
  const git = (args, env = {}) => execFileSync("git", args, { cwd: repo, env: { PATH: process.env.PATH, HOME: root, ...env } });
  git(["init", "--quiet", "--initial-branch=main"]);
  const commits = {};
  const sizes = {};
  for (let n = 0; n < 40; n++) {
    const author = AUTHORS[next(3)];
    commits[author] = (commits[author] ?? 0) + 1;
    for (const name of n === 39 ? ["app.txt", "lib.txt", "util.txt"] : [`file${n % 7}.txt`]) {
      const text = `${"x".repeat(20 + next(400))}\n`;
      writeFileSync(join(repo, name), text);
      if (n === 39) sizes[name] = text.length;
    }
    git(["add", "."]);
    const date = `2026-10-${String(1 + (n % 28)).padStart(2, "0")}T12:00:00Z`;
    const who = { GIT_AUTHOR_NAME: author, GIT_COMMITTER_NAME: author, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    const mail = { GIT_AUTHOR_EMAIL: "a@example.com", GIT_COMMITTER_EMAIL: "a@example.com" };
    git(["commit", "--quiet", "--allow-empty", "--message", `change ${n}`], { ...who, ...mail });
  }
  return { commits, sizes };
}

// What the programs that serve hold in memory, as the system counts it. Linux only.

import { readFileSync, readdirSync } from "node:fs";

/** What serves on each target; what only starts it, and the database, are no concern. */
const SERVING = ["toolgate", "workerd", "bootstrap"];

function processes() {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        const field = (name) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
        return [{ pid: Number(pid), parent: Number(field("PPid")), name: field("Name"), kilobytes: Number(field("VmRSS") ?? 0) }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** The megabytes that the descendants of `pid` that serve hold. */
export function residentMegabytes(pid) {
  const all = processes();
  const family = new Set([pid]);
  for (let before = 0; before < family.size; ) {
    before = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  const serving = all.filter(({ pid, name }) => family.has(pid) && SERVING.some((known) => name.startsWith(known)));
  return serving.reduce((sum, { kilobytes }) => sum + kilobytes, 0) / 1024;
}

/** The most that is held while `run` runs, beyond what is held when it begins. */
export async function growth(pid, run) {
  const before = residentMegabytes(pid);
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, residentMegabytes(pid))), 50);
  try {
    await run();
  } finally {
    clearInterval(watch);
  }
  return Math.max(most, residentMegabytes(pid)) - before;
}

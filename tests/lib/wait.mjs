// Waiting for what must become true.

import { setTimeout as pause } from "node:timers/promises";

/** Asks until `ask` gives something truthy, and gives that; fails when `seconds` are over. */
export async function until(what, seconds, ask) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`after ${seconds} s still not: ${what}`);
    await pause(50);
  }
}

/** A promise and what resolves it. */
export function signal() {
  return Promise.withResolvers();
}

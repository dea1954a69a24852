// The sandbox where JavaScript has WebAssembly at hand: makes instances, hands bytes over, notices traps. What the bytes say is
// known elsewhere (core/sandbox, src/sandbox.rs).
//
// Instances run on a few memories that are used again: V8 notices grown memories too late to collect them in time. A program that
// waits for its calls gives its memory up to another that wants to run, and gets it back as it was.
const PAGE = 65536;
// The pages that a memory begins with: as many as the module's snapshot needs, and a few more.
const INITIAL = 40;
// How far it may grow: as far as the module says.
const MAXIMUM = 1024;
// A memory that grew beyond this is let go rather than kept.
const KEPT = 24 << 20;
// The block at REPORT: its length, and where in it the memory in use stands.
const REPORT = 32;
const USED = 28;

export class SandboxPool {
  #module;
  #slots;
  #limits;
  #open = new Set();

  // At most `executions` at a time, on `memories` memories; none is begun while the others hold `bytes` or more.
  constructor(module, memories, executions, bytes) {
    this.#module = module;
    this.#slots = Array.from({ length: memories }, () => new Slot());
    this.#limits = { executions, bytes };
  }

  // A fresh instance; undefined if there are too many.
  open() {
    const held = [...this.#open].reduce((sum, execution) => sum + execution.used, 0);
    if (this.#open.size >= this.#limits.executions || held >= this.#limits.bytes) return undefined;
    // A free memory, or the one that was in use longest ago.
    const slot = this.#slots.reduce((a, b) => (b.turn < a.turn ? b : a));
    const execution = new SandboxExecution(this.#module, slot, () => this.#open.delete(execution));
    this.#open.add(execution);
    return execution;
  }
}

export class SandboxExecution {
  #slot;
  #exports;
  #closed;

  constructor(module, slot, closed) {
    this.#slot = slot;
    this.#closed = closed;
    this.used = INITIAL * PAGE;
    slot.give(this);
    try {
      this.#exports = new WebAssembly.Instance(module, { env: { memory: slot.memory } }).exports;
    } catch (error) {
      slot.release(this);
      throw error;
    }
  }

  // Calls the export `entry` with `input` and `gas`. Whether it returned; if not, it trapped, and must not be called again.
  step(entry, input, gas) {
    this.#slot.give(this);
    const exports = this.#exports;
    exports.gas.value = gas;
    try {
      const at = exports.input(input.length) >>> 0;
      new Uint8Array(this.#slot.memory.buffer, at, input.length).set(input);
      exports[entry]();
      return true;
    } catch {
      return false;
    } finally {
      const report = this.report;
      this.used = Math.max(this.used, new DataView(report.buffer).getUint32(USED, true));
    }
  }

  // The gas that is left; below zero if it ran out.
  get gas() {
    return this.#exports.gas.value;
  }

  // A copy of the block at REPORT.
  get report() {
    return this.bytes(this.#exports.REPORT.value, REPORT);
  }

  // A copy of what is at `at`; nothing if that is not in the memory. To be asked after a step, before any other.
  bytes(at, length) {
    const { buffer } = this.#slot.memory;
    return at + length <= buffer.byteLength ? new Uint8Array(buffer, at, length).slice() : new Uint8Array();
  }

  // Nothing of it stays in any memory.
  close() {
    this.#slot.release(this);
    this.#closed();
  }
}

// A memory and whose it is at the moment.
class Slot {
  memory;
  // When it was last in use; a free one counts as never.
  turn = 0;
  #owner;
  // What those have who wait.
  #parked = new Map();
  static #now = 0;

  give(execution) {
    this.turn = ++Slot.#now;
    if (this.#owner === execution) return;
    this.memory ??= new WebAssembly.Memory({ initial: INITIAL, maximum: MAXIMUM });
    if (this.#owner) {
      this.#parked.set(this.#owner, new Uint8Array(this.memory.buffer).slice(0, this.#owner.used));
      this.#clear();
    }
    const parked = this.#parked.get(execution);
    if (parked) {
      new Uint8Array(this.memory.buffer).set(parked);
      this.#parked.delete(execution);
    }
    this.#owner = execution;
  }

  release(execution) {
    this.#parked.delete(execution);
    if (this.#owner !== execution) return;
    this.#owner = undefined;
    if (this.#parked.size === 0) this.turn = 0;
    // Those who wait are bound to this memory.
    if (this.#parked.size === 0 && this.memory.buffer.byteLength > KEPT) this.memory = undefined;
    else this.#clear();
  }

  #clear() {
    new Uint8Array(this.memory.buffer).fill(0);
  }
}

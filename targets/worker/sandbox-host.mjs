// The sandbox where JavaScript has WebAssembly at hand: in a Worker.
//
// Instances run on a few memories that are used again: V8 notices grown memories too late to collect them in time. An execution that
// waits for its calls gives its memory up to another one that wants to run, and gets it back as it was.
const PAGE = 65536;
// A memory begins as the module's snapshot needs it, and may grow as far as the module says.
const INITIAL = 40;
const MAXIMUM = 1024;
// A memory that grew beyond this is let go rather than kept.
const KEPT_BYTES = 24 << 20;
// What the block at REPORT holds, in words of 32 bits.
const [REPLY, REPLY_LENGTH, LOGS, LOGS_LENGTH, PANIC, PANIC_LENGTH, FAULT, USED] = Array(8).keys();

export class SandboxPool {
  #module;
  #slots;
  #open = new Set();
  #limits;

  // At most `executions` at a time, which hold `bytes` together, on `memories` memories.
  constructor(module, memories, executions, bytes) {
    this.#module = module;
    this.#limits = { executions, bytes };
    this.#slots = Array.from({ length: memories }, () => ({ memory: undefined, owner: undefined, used: 0 }));
  }

  // A fresh instance, or undefined if there are too many.
  open() {
    const held = [...this.#open].reduce((sum, execution) => sum + execution.used, 0);
    if (this.#open.size >= this.#limits.executions || held >= this.#limits.bytes) return undefined;
    const free = this.#slots.find((slot) => !slot.owner);
    const slot = free ?? this.#slots.reduce((a, b) => (a.used <= b.used ? a : b));
    const execution = new SandboxExecution(this.#module, slot, () => this.#open.delete(execution));
    this.#open.add(execution);
    return execution;
  }
}

let turn = 0;

export class SandboxExecution {
  #slot;
  #exports;
  #parked;
  #closed;
  // What the last step left behind.
  trapped = false;
  gas = 0n;
  fault = 0;
  used = INITIAL * PAGE;

  constructor(module, slot, closed) {
    this.#slot = slot;
    this.#closed = closed;
    this.#take();
    this.#exports = new WebAssembly.Instance(module, { env: { memory: slot.memory } }).exports;
  }

  // Calls "start" or "resume" with `input`. Whether it came to an answer; a trap is none, and ends the instance.
  step(name, input, gas) {
    this.#take();
    const { exports } = this.#exports ? { exports: this.#exports } : {};
    exports.gas.value = gas;
    try {
      const at = exports.input(input.length) >>> 0;
      new Uint8Array(this.#slot.memory.buffer, at, input.length).set(input);
      exports[name]();
    } catch {
      this.trapped = true;
    }
    this.gas = exports.gas.value;
    this.fault = this.#word(FAULT);
    this.used = Math.max(this.#word(USED), this.used);
    return !this.trapped;
  }

  // The parts of the report, as copies.
  reply(most) {
    return this.#bytes(REPLY, REPLY_LENGTH, most);
  }
  logs(most) {
    return this.#bytes(LOGS, LOGS_LENGTH, most);
  }
  panic(most) {
    return this.#bytes(PANIC, PANIC_LENGTH, most);
  }

  // Nothing of it stays in the memory.
  close() {
    if (this.#closed && this.#slot.owner === this) release(this.#slot);
    this.#closed?.();
    this.#closed = this.#parked = this.#exports = undefined;
  }

  // Makes the slot's memory this execution's own.
  #take() {
    const slot = this.#slot;
    slot.used = ++turn;
    if (slot.owner === this) return;
    slot.owner?.#park();
    slot.memory ??= new WebAssembly.Memory({ initial: INITIAL, maximum: MAXIMUM });
    if (this.#parked) new Uint8Array(slot.memory.buffer).set(this.#parked);
    this.#parked = undefined;
    slot.owner = this;
  }

  #park() {
    const { buffer } = this.#slot.memory;
    this.#parked = new Uint8Array(buffer).slice(0, Math.min(this.used, buffer.byteLength));
    zero(this.#slot);
  }

  #word(index) {
    return new DataView(this.#slot.memory.buffer).getUint32(this.#exports.REPORT.value + 4 * index, true);
  }

  #bytes(at, length, most) {
    const { buffer } = this.#slot.memory;
    const [start, size] = [this.#word(at), Math.min(this.#word(length), most)];
    return start + size <= buffer.byteLength ? new Uint8Array(buffer, start, size).slice() : new Uint8Array();
  }
}

function zero({ memory }) {
  new Uint8Array(memory.buffer).fill(0);
}

function release(slot) {
  slot.owner = undefined;
  if (slot.memory.buffer.byteLength > KEPT_BYTES) slot.memory = undefined;
  else zero(slot);
}

// What wrangler bundles: the gateway as worker-build makes it, and the sandbox's module, which worker-build would not know what to do with.
import sandbox from "../../sandbox/sandbox.wasm";

// Where src/sandbox.rs looks for it.
globalThis.toolgateSandbox = sandbox;

// How wasm-bindgen has its tasks run. The runtime's own goes through more than the language's: a twelfth of what a call costs.
const settled = Promise.resolve();
globalThis.queueMicrotask = (task) => void settled.then(task);

export * from "./build/index.js";
export { default } from "./build/index.js";

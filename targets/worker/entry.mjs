// What wrangler bundles: the gateway as worker-build makes it, and the sandbox's module, which worker-build would not know what to do with.
import sandbox from "../../sandbox/sandbox.wasm";

// Where src/sandbox.rs looks for it.
globalThis.toolgateSandbox = sandbox;

export * from "./build/index.js";
export { default } from "./build/index.js";

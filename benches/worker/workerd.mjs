// `workerd serve` for one Worker: its configuration, its process, and when it serves.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(here("../../tests/package.json"));
const wrangler = readFileSync(here("../../wrangler.toml"), "utf8");
const date = wrangler.match(/^compatibility_date = "(.*)"$/m)[1];
const flags = [...wrangler.match(/^compatibility_flags = \[([^\]]*)\]/m)[1].matchAll(/^ *"(.*)"/gm)].map(([, flag]) => flag);

const quote = (text) => JSON.stringify(text);
/** A module's entry. Its path is relative to the configuration's folder: workerd knows no other. */
const embed = (folder, { name, kind, from }) => `(name = ${quote(name)}, ${kind} = embed ${quote(relative(folder, join(from, name)))})`;
const script = (name) => ({ name, kind: "esModule", from: here(".") });

/** A plain Worker of one script. */
export function plain(name, bindings = {}) {
  return { modules: [script(name)], bindings, flags: [] };
}

/** Toolgate as it was built, with its bindings. */
export function toolgate(build, settings) {
  const modules = [
    { name: "index.js", kind: "esModule", from: resolve(build) },
    { name: "index_bg.wasm", kind: "wasm", from: resolve(build) },
  ];
  return { modules, bindings: settings, flags, stores: true };
}

function config({ modules, bindings, flags, stores }, folder) {
  const texts = Object.entries(bindings).map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`);
  const objects = [
    ["TOOLGATE_TENANTS", "TenantObject"],
    ["TOOLGATE_DIRECTORY", "DirectoryObject"],
    ["TOOLGATE_MAILBOXES", "MailboxObject"],
    ["TOOLGATE_CALLS", "CallObject"],
    ["TOOLGATE_LEDGERS", "LedgerObject"],
  ];
  const storeBindings = stores
    ? ['(name = "TOOLGATE_KV", kvNamespace = "kv")', ...objects.map(([name, object]) => `(name = "${name}", durableObjectNamespace = "${object}")`)]
    : [];
  const namespaces = objects.map(([, object]) => `(className = "${object}", uniqueKey = "${object}", enableSql = true)`);
  const storage = stores ? `durableObjectNamespaces = [${namespaces}], durableObjectStorage = (localDisk = "objects"),` : "";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${modules.map((module) => embed(folder, module))}], bindings = [${[...texts, ...storeBindings]}], ${storage}
      compatibilityDate = "${date}", compatibilityFlags = [${flags.map(quote)}])),
    (name = "kv", worker = (modules = [${embed(folder, script("kv.js"))}], compatibilityDate = "${date}")),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    (name = "objects", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

/** Writes the configuration of a Worker into `folder`; gives what starts it. */
export function prepare(worker, folder) {
  mkdirSync(join(folder, "objects"), { recursive: true });
  const file = join(folder, "config.capnp");
  writeFileSync(file, config(worker, folder));
  // The program itself: what npm links is a script that starts it.
  const binary = require.resolve(`@cloudflare/workerd-linux-${process.arch === "arm64" ? "arm64" : "64"}/bin/workerd`);
  return async () => {
    const args = ["serve", file, "--control-fd=3", `--directory-path=objects=${join(folder, "objects")}`];
    const child = spawn(binary, args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    for await (const line of readline.createInterface({ input: child.stdio[3] })) {
      const { event, port } = JSON.parse(line);
      if (event === "listen") return { child, pid: child.pid, base: `http://127.0.0.1:${port}`, end: () => end(child) };
    }
    throw new Error(`workerd did not start: run ${binary} ${args.join(" ")}`);
  };
}

async function end(child) {
  child.kill("SIGKILL");
  await once(child, "exit");
}

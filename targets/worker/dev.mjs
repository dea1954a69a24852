// Runs the built worker in workerd, for development: node targets/worker/dev.mjs [--port PORT] [--persist DIR] [--build DIR]
//
// Prints one line on stdout when it serves, {"listening":"127.0.0.1:PORT"}; everything else goes to stderr. The TOOLGATE_*
// variables of its environment are the worker's settings. With --persist a restart finds everything again.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    persist: { type: "string" },
    build: { type: "string", default: here("build") },
  },
});

if (Number(process.versions.node.split(".")[0]) < 22) {
  console.error(`dev.mjs needs Node 22 or newer and runs in ${process.version}: put tests/node_modules/.bin first in PATH`);
  process.exit(1);
}

// miniflare comes with the tests' wrangler. Without network it must not look for new releases or for Request.cf.
const require = createRequire(here("../../tests/package.json"));
const { Miniflare, NoOpLog, convertV4MiniflareOptions } = await import(pathToFileURL(require.resolve("miniflare")));

// The runtime's settings are wrangler.toml's, so that what is developed is what is deployed.
const wrangler = readFileSync(here("../../wrangler.toml"), "utf8");
const compatibilityDate = wrangler.match(/^compatibility_date = "(.*)"$/m)[1];
const flags = wrangler.match(/^compatibility_flags = \[([^\]]*)\]/m)[1];
const compatibilityFlags = [...flags.matchAll(/^ *"(.*)"/gm)].map(([, flag]) => flag);
const bindings = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("TOOLGATE_")));

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    name: "toolgate",
    host: "127.0.0.1",
    port: Number(options.port),
    cf: false,
    log: new NoOpLog(),
    handleStructuredLogs: ({ message }) => console.error(message),
    compatibilityDate,
    compatibilityFlags,
    modulesRoot: options.build,
    modules: [
      { type: "ESModule", path: `${options.build}/index.js` },
      { type: "CompiledWasm", path: `${options.build}/index_bg.wasm` },
    ],
    bindings,
    kvNamespaces: ["TOOLGATE_KV"],
    durableObjects: {
      TOOLGATE_TENANTS: { className: "TenantObject", useSQLite: true },
      TOOLGATE_DIRECTORY: { className: "DirectoryObject", useSQLite: true },
      TOOLGATE_MAILBOXES: { className: "MailboxObject", useSQLite: true },
      TOOLGATE_CALLS: { className: "CallObject", useSQLite: true },
      TOOLGATE_LEDGERS: { className: "LedgerObject", useSQLite: true },
    },
    resourcePersistencePath: options.persist,
  }),
);

const url = await miniflare.ready;

// Until here miniflare ends at once at a signal; from here what is being answered may end first.
let ending = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.removeAllListeners(signal);
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    await miniflare.dispose();
    process.exit(0);
  });
}
console.log(JSON.stringify({ listening: url.host }));

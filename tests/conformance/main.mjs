// The official conformance suite through a gateway: node conformance/main.mjs [part of a name…]; the environment says where the
// gateway is (lib/gateway.mjs). Each revision's requirements, against a server of each era, alone and as part of a view; and against
// servers of the official SDKs, compared with the same servers asked directly.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Gateway } from "../lib/gateway.mjs";
import { end, endAll, freePort, owned, start } from "../lib/process.mjs";
import { relay } from "./relay.mjs";
import { startOthers } from "./others.mjs";
import { all, passed, required, run } from "./suite.mjs";

const REVISIONS = ["2025-11-25", "2026-07-28"];
const ERAS = ["legacy", "modern"];
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

async function upstream(file, ...args) {
  const child = owned(start(process.execPath, [here(file), ...args]));
  const { value } = await child.lines.next();
  return `http://${JSON.parse(value).listening}/mcp`;
}

const gateway = await Gateway.find();
const tenant = await gateway.tenant("conformance");
const out = mkdtempSync(join(tmpdir(), "toolgate-conformance-"));
const rows = [];

await tenant.server("extra", await upstream("tools_only.mjs"));
await tenant.server("down", `http://127.0.0.1:${await freePort()}/mcp`);
for (const era of ERAS) {
  await tenant.server(`${era}-fixture`, await upstream("fixture.mjs", "--era", era));
  const servers = { [`${era}-fixture`]: {}, extra: {}, down: {} };
  await gateway.manage("PUT", `${tenant.path}/views/${era}-view`, { prefix: "collision", servers });
}
const { secret: key } = await tenant.key();

after(async () => {
  rmSync(out, { recursive: true, force: true });
  await gateway.stop();
  await endAll();
  console.log(table());
});

const wanted = process.argv.slice(2);
const asked = (name) => wanted.length === 0 || wanted.some((part) => name.includes(part));

/** The checks that failed, as the suite wrote them down. */
function failures(folder) {
  const checks = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith("checks.json"));
  const failed = checks.flatMap((file) => {
    const all = JSON.parse(readFileSync(join(folder, file), "utf8"));
    return all.filter(({ status }) => status === "FAILURE" || status === "WARNING").map((check) => ({ file, ...check }));
  });
  return failed
    .map(({ file, id, errorMessage, details }) => `${file}\n  ${id}: ${errorMessage}\n  ${JSON.stringify(details)?.slice(0, 600)}`)
    .join("\n");
}

/** Runs a revision's requirements against `url`. */
async function requirements(revision, url, name) {
  const folder = join(out, `${revision}-${name}`);
  const came = await run(["server", "--url", url, "--requirements", revision, "-o", folder]);
  return { ...came, folder };
}

/** The same against a part of the tenant's endpoint. */
async function behind(revision, part) {
  const through = await relay(`${tenant.mcp}/${part}`, key);
  const came = await requirements(revision, through.url, part);
  through.close();
  return came;
}

async function server(revision, part, cell) {
  const scenarios = required(revision, "server");
  const { code, output, folder } = await behind(revision, part);
  const good = passed(output, scenarios);
  rows.push([revision, "server", cell, `${good.length} of ${scenarios.length}`]);
  const missing = scenarios.filter((name) => !good.includes(name));
  assert.deepEqual(missing, [], `${failures(folder)}\n${gateway.log}`);
  assert.equal(code, 0, output.slice(-4_000));
}

describe("servers", () => {
  for (const revision of REVISIONS) {
    for (const era of ERAS) {
      for (const kind of ["fixture", "view"]) {
        const client = revision === "2026-07-28" ? "modern" : "legacy";
        const cell = `${client} to ${era}${kind === "view" ? ", in a view" : ""}`;
        if (asked(`${revision} ${cell}`)) test(`${revision} ${cell}`, () => server(revision, `${era}-${kind}`, cell));
      }
    }
  }
});

// Of a server that speaks both eras, one part of the endpoint for each.
const others = await startOthers();
for (const { name, url, eras } of others) {
  for (const era of eras) await tenant.server(`${name}-${era}`, url, { era });
}

// These look for names of questions, and for an error, that a server of the legacy era has no way to say.
const OF_ONE_ERA = ["server-stateless", "input-required-result-basic-elicitation"];

describe("servers of the official SDKs, as good through the gateway as asked directly", () => {
  for (const { name, url, eras, without = [] } of others) {
    for (const revision of REVISIONS) {
      const client = revision === "2026-07-28" ? "modern" : "legacy";
      const cells = eras.map((era) => ({ era, cell: `${client} to ${era}, ${name}` })).filter(({ cell }) => asked(`${revision} ${cell}`));
      if (cells.length === 0 || !eras.includes(client)) continue;
      let direct;
      before(async () => {
        direct = await requirements(revision, url, `${name}-direct`);
        rows.push([revision, "server", `${name}, asked directly`, tally(direct.output, all(direct.output))]);
      });
      for (const { era, cell } of cells) {
        test(`${revision} ${cell}`, async () => {
          // From one era to the other goes what the revision requires; within an era, everything that the suite tries.
          const tried = era === client ? all(direct.output) : required(revision, "server").filter((scenario) => !OF_ONE_ERA.includes(scenario));
          const expected = passed(direct.output, tried).filter((scenario) => !without.includes(scenario));
          const { output, folder } = await behind(revision, `${name}-${era}`);
          const good = passed(output, expected);
          rows.push([revision, "server", cell, `${good.length} of ${expected.length}`]);
          assert.ok(expected.length > 0, direct.output.slice(-4_000));
          const missing = expected.filter((scenario) => !good.includes(scenario));
          assert.deepEqual(missing, [], `${failures(folder)}\n${gateway.log}`);
        });
      }
    }
  }
});

const tally = (output, scenarios) => `${passed(output, scenarios).length} of ${scenarios.length}`;

async function client(revision, scenario) {
  const command = `${process.execPath} ${here("client.mjs")}`;
  const args = ["client", "--command", command, "--scenario", scenario, "--spec-version", revision];
  const folder = join(out, `${revision}-${scenario}`);
  return run([...args, "-o", folder], { env: { TOOLGATE_UP: JSON.stringify(gateway.up) } });
}

describe("clients", () => {
  for (const revision of REVISIONS) {
    // Authorization towards upstreams is none of the gateway's yet.
    const scenarios = required(revision, "client").filter((name) => !name.startsWith("auth/"));
    let good = 0;
    for (const scenario of scenarios.filter((name) => asked(`client ${revision} ${name}`))) {
      test(`${revision} ${scenario}`, async () => {
        const { code, output } = await client(revision, scenario);
        assert.equal(code, 0, `${output.slice(-6_000)}\n${gateway.log}`);
        good += 1;
      });
    }
    after(() => rows.push([revision, "client", "without auth/*", `${good} of ${scenarios.length}`]));
  }
});

function table() {
  const lines = [["target", "set", "side", "cell", "passed"], ...rows.map((row) => [gateway.up.target, ...row])];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((cell, n) => cell.padEnd(widths[n])).join("  ").trimEnd()).join("\n");
}

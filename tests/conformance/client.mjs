// The client that the suite tests, with a gateway inside: node client.mjs <url of the suite's server>, run by the suite.
//
// It makes the suite's server the gateway's only upstream, connects the TypeScript SDK's client to the gateway, and does what the scenario
// is about: lists everything and calls every tool that is left. TOOLGATE_UP says where the gateway is.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { Gateway } from "../lib/gateway.mjs";

const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT: context } = process.env;
// These servers do not answer server/discover: what they speak has to be said.
const PINNED = ["http-standard-headers", "http-custom-headers", "http-invalid-tool-headers", "sep-2322-client-request-state"];
const MODERN = version === "2026-07-28";

const gateway = await Gateway.find();
const tenant = await gateway.tenant("client");
await tenant.server("mock", process.argv[2], { era: PINNED.includes(scenario) ? "modern" : "auto" });
const { secret } = await tenant.key();

const client = new Client(
  { name: "driver", version: "1.0.0" },
  {
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    versionNegotiation: MODERN ? { mode: { pin: version } } : undefined,
  },
);

/** What a form's properties say themselves; the rest is made up. */
client.setRequestHandler("elicitation/create", ({ params }) => {
  const made = { boolean: true, string: "word", integer: 1, number: 1.5 };
  const properties = Object.entries(params.requestedSchema?.properties ?? {});
  return { action: "accept", content: Object.fromEntries(properties.map(([name, { type, default: value }]) => [name, value ?? made[type]])) };
});

function argumentsFor({ inputSchema }) {
  const made = { number: 1, integer: 2, boolean: true, string: "word" };
  const required = inputSchema.required ?? [];
  return Object.fromEntries(required.map((name) => [name, made[inputSchema.properties?.[name]?.type] ?? "word"]));
}

const url = new URL(`${tenant.mcp}/mock`);
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization: `Bearer ${secret}` } } }));
const offered = client.getServerCapabilities() ?? {};
const { tools } = await client.listTools();
const given = context ? JSON.parse(context).toolCalls : undefined;
const calls = given ?? tools.map((tool) => ({ name: tool.name, arguments: argumentsFor(tool) }));
for (const call of calls) await client.callTool(call);
if (offered.resources) for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
if (offered.prompts) for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
await client.close();

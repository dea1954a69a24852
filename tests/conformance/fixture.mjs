// An MCP server for the conformance suite, in one era: node fixture.mjs --era modern|legacy [--port PORT]
//
// Prints one line, {"listening":"127.0.0.1:PORT"}, and answers at any path until it is ended.
import { parseArgs } from "node:util";

import { serve } from "./http.mjs";
import { legacy } from "./legacy.mjs";
import { modern } from "./modern.mjs";

const { values } = parseArgs({ options: { era: { type: "string" }, port: { type: "string", default: "0" } } });
const eras = { legacy, modern };
if (!Object.hasOwn(eras, values.era)) {
  console.error("fixture.mjs: say --era modern or --era legacy");
  process.exit(1);
}
serve(Number(values.port), eras[values.era]);

// Servers whose protocol is not ours: the official SDKs, serving what the fixture offers, and the official example server.

import { fileURLToPath } from "node:url";

import { freePort, listening, owned, start } from "../lib/process.mjs";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** A program that says where it listens. */
async function said(program, file) {
  const child = owned(start(program, [here(file)]));
  const { value, done } = await child.lines.next();
  if (done) throw new Error(`${file} did not start:\n${child.log}`);
  return `http://${JSON.parse(value).listening}/mcp`;
}

async function everything() {
  const port = await freePort();
  await listening(owned(start("mcp-server-everything", ["streamableHttp"], { env: { PORT: String(port) } })), port);
  return `http://127.0.0.1:${port}/mcp`;
}

/** The SDKs' servers, which speak both eras: their URLs by name. */
export async function startSdks() {
  const [typescript, python] = await Promise.all([
    said(process.execPath, "sdk/typescript.mjs"),
    said(process.env.TOOLGATE_PYTHON, "sdk/python_server.py"),
  ]);
  return { typescript, python };
}

/**
 * All of them: `{name, url, eras, without}`. The example server has tools of its own, and answers the call of one that it does not have
 * with a result that looks good to two scenarios.
 */
export async function startOthers() {
  const [{ typescript, python }, example] = await Promise.all([startSdks(), everything()]);
  return [
    { name: "typescript", url: typescript, eras: ["legacy", "modern"] },
    { name: "python", url: python, eras: ["legacy", "modern"] },
    { name: "everything", url: example, eras: ["legacy"], without: ["tools-call-simple-text", "tools-call-error"] },
  ];
}

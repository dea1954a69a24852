// Raw HTTP/1.1, with every header under the test's control: what `fetch` would tidy up is what is tested.

import http from "node:http";
import { once } from "node:events";

const DEADLINE_MS = 60_000;

/** Sends a request and waits for the head of its answer. `headers` may name `host`. */
export async function open(url, { method = "GET", headers = {}, body } = {}) {
  const agent = new http.Agent({ keepAlive: false });
  const request = http.request(url, { method, headers: { host: new URL(url).host, ...headers }, setHost: false, agent });
  request.setTimeout(DEADLINE_MS, () => request.destroy(new Error(`no answer from ${url}`)));
  const answered = once(request, "response");
  // A server may refuse a body before it has read it all, and close: the answer counts, not the broken pipe.
  request.on("error", () => {});
  request.end(body);
  const [response] = await answered;
  return response;
}

/** Sends a request and reads its whole answer. */
export async function send(url, options) {
  const response = await open(url, options);
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

/** The events of an SSE answer as they arrive: the text of each one's `data`. */
export async function* events(response) {
  let pending = "";
  for await (const chunk of response) {
    pending += chunk;
    const parts = pending.split(/\r?\n\r?\n/);
    pending = parts.pop();
    for (const part of parts) {
      const data = part.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (data.length > 0) yield data.map((line) => line.slice(5).trimStart()).join("\n");
    }
  }
}

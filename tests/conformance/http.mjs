// What both eras need of HTTP: bodies, JSON, event streams, and a look at who is asking.

import { createServer } from "node:http";

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** Whether a page of somebody else's, or a name of somebody else's, brought the request here. */
export function isForeign(request) {
  const { host, origin } = request.headers;
  if (!LOOPBACK.test(host ?? "")) return true;
  return origin !== undefined && !LOOPBACK.test(origin.replace(/^https?:\/\//, ""));
}

export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export const result = (id, result) => ({ jsonrpc: "2.0", id, result });
export const failure = (id, code, message, data) => ({
  jsonrpc: "2.0",
  id: id ?? null,
  error: { code, message, ...(data === undefined ? {} : { data }) },
});

/** An answer that becomes a stream when something is to be said before its end. */
export class Answer {
  constructor(response, headers = {}) {
    Object.assign(this, { response, headers });
  }

  open() {
    if (this.response.headersSent) return;
    this.response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", ...this.headers });
  }

  send(message, { id, retry } = {}) {
    this.open();
    const lines = [id === undefined ? "" : `id: ${id}\n`, retry === undefined ? "" : `retry: ${retry}\n`];
    this.response.write(`${lines.join("")}data: ${message === undefined ? "" : JSON.stringify(message)}\n\n`);
  }

  end(message, status = 200, place = {}) {
    if (!this.response.headersSent) return json(this.response, status, message, this.headers);
    this.send(message, place);
    this.response.end();
  }
}

/** Serves `handle` on a port of this machine and says where. */
export function serve(port, handle) {
  const server = createServer((request, response) => {
    Promise.resolve(handle(request, response)).catch((error) => {
      console.error(error);
      if (response.headersSent) response.destroy();
      else json(response, 500, failure(null, -32603, "The fixture broke"));
    });
  });
  server.listen(port, "127.0.0.1", () => {
    console.log(JSON.stringify({ listening: `127.0.0.1:${server.address().port}` }));
  });
  process.on("SIGTERM", () => process.exit(0));
}

// Standard input and output to HTTP: what puts the started servers behind a gateway. Stateless, JSON answers, no sessions.

import { createServer } from "node:http";
import { once } from "node:events";

/** Serves each of `servers` at `/<id>/mcp` on this machine; gives their URLs. */
export async function bridge(servers) {
  const http = createServer(async (request, response) => {
    const server = servers[request.url.split("/")[1]]?.server;
    if (!server || request.method !== "POST") return response.writeHead(server ? 405 : 404).end();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const message = JSON.parse(Buffer.concat(chunks).toString());
    if (message.id === undefined) return response.writeHead(202).end();
    const answer = message.method === "initialize" ? { result: server.greeting } : await server.ask(message);
    const { result, error } = answer;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...(error ? { error } : { result }) }));
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const base = `http://127.0.0.1:${http.address().port}`;
  return { urls: Object.fromEntries(Object.keys(servers).map((id) => [id, `${base}/${id}/mcp`])), stop: () => http.close() };
}

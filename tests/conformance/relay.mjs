// The suite sends no key. This passes every request on as it came, with a key added and the path replaced, and the answer back as
// it comes. Host and Origin stay as they were sent.
import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { pipeline } from "node:stream";

/** A relay on this machine to the MCP endpoint `url`. */
export async function relay(url, key) {
  const target = new URL(url);
  const server = createServer((incoming, outgoing) => {
    const headers = [...incoming.rawHeaders, "Authorization", `Bearer ${key}`];
    const options = { host: target.hostname, port: target.port, path: target.pathname, method: incoming.method, headers };
    const asked = ask({ ...options, setHost: false }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      outgoing.flushHeaders();
      pipeline(answer, outgoing, () => {});
    });
    asked.on("error", () => outgoing.destroy());
    outgoing.on("close", () => asked.destroy());
    pipeline(incoming, asked, () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/mcp`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

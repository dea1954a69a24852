// An upstream that lists its tools like any other, and breaks each call in its own way.

import { beginStream, modernServer, reply, text, tool } from "./scripted.mjs";

const MEGABYTE = "x".repeat(1 << 20);

const json = (response, body) => response.writeHead(200, { "content-type": "application/json" }).end(body);

/** Writes `count` megabytes as fast as they are taken, until nobody takes them. */
async function pour(response, count) {
  for (let sent = 0; sent < count && !response.destroyed; sent++) {
    if (!response.write(MEGABYTE)) await drained(response);
  }
}

const drained = (response) =>
  new Promise((resolve) => {
    const done = () => (response.off("drain", done).off("close", done), resolve());
    response.on("drain", done).on("close", done);
  });

const ways = {
  hang: () => {},
  hang_in_stream: ({ response, message }) => {
    beginStream(response)({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: message.params._meta.progressToken ?? 0, progress: 1 } });
  },
  close: ({ request }) => request.socket.destroy(),
  close_in_the_middle: ({ response }) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"jsonrpc":"2.0","id":', () => response.socket.destroy());
  },
  close_in_stream: ({ response }) => {
    beginStream(response);
    response.write('event: message\ndata: {"jsonrpc":', () => response.socket.destroy());
  },
  end_without_answer: ({ response }) => {
    beginStream(response);
    response.end();
  },
  huge: async ({ response }) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"');
    await pour(response, 50);
    response.end('"}]}}');
  },
  huge_event: async ({ response }) => {
    beginStream(response);
    response.write("data: ");
    await pour(response, 50);
    response.end("\n\n");
  },
  not_json: ({ response }) => json(response, '{"jsonrpc":"2.0","id":1,"result":{'),
  wrong_id_in_stream: ({ response }) => {
    beginStream(response)({ jsonrpc: "2.0", id: "somebody else's", result: text("not yours") });
    response.end();
  },
  wrong_id: ({ response }) => reply(response, "somebody else's", text("not yours")),
  redirect: ({ response }) => response.writeHead(307, { location: "http://10.0.0.1/mcp" }).end(),
  fine: ({ response, message }) => reply(response, message.id, text("fine")),
};

/** The handler for a scripted upstream. */
export const hostile = modernServer({
  tools: Object.keys(ways).map((name) => tool(name)),
  call: async ({ name, ...rest }) => void (await ways[name](rest)),
});

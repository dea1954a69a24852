// Workers KV as `workerd serve` needs it: a service that keeps what it is given, for as long as it lives.
const kept = new Map();

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname.slice(1));
    if (request.method === "PUT") {
      kept.set(key, await request.arrayBuffer());
      return new Response();
    }
    if (request.method === "DELETE") {
      kept.delete(key);
      return new Response();
    }
    if (key === "") {
      const names = [...kept.keys()].filter((name) => name.startsWith(url.searchParams.get("prefix") ?? ""));
      return Response.json({ keys: names.map((name) => ({ name })), list_complete: true });
    }
    return kept.has(key) ? new Response(kept.get(key)) : new Response("not found", { status: 404 });
  },
};

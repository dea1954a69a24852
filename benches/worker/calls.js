// A Worker that proxies as a gateway has to, in plain JavaScript: it hears when the client goes, reads and writes every header, takes
// bodies whole, can give up on the server, and logs a line. What that costs is the platform's.
const PATIENCE_MS = 30_000;
const LINE = JSON.stringify({ level: "INFO", message: "x".repeat(350) });

const copied = (headers) => {
  const copy = new Headers();
  for (const [name, value] of headers) copy.append(name, value);
  return copy;
};

export default {
  async fetch(request, env) {
    const giveUp = new AbortController();
    request.signal.onabort = () => giveUp.abort();
    const headers = copied(request.headers);
    const body = await request.arrayBuffer();
    const patience = setTimeout(() => giveUp.abort(), PATIENCE_MS);
    const answer = await fetch(env.TO, { method: request.method, headers, body, redirect: "manual", signal: giveUp.signal });
    clearTimeout(patience);
    const whole = await answer.arrayBuffer();
    request.signal.onabort = null;
    console.log(LINE);
    return new Response(whole, { status: answer.status, headers: copied(answer.headers) });
  },
};

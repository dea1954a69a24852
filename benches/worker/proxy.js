// A Worker that only passes on: what a call costs on this platform whoever makes it.
export default {
  fetch(request, env) {
    return fetch(env.TO, { method: request.method, headers: request.headers, body: request.body });
  },
};

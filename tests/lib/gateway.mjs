// The subject of the suite: a running Toolgate, known by its addresses alone.

import { randomBytes } from "node:crypto";

import { send } from "./http.mjs";
import { end, owned, start } from "./process.mjs";

/** The parent domain of tenants' hosts where `cargo xtask up` started the gateway. */
export const DOMAIN = "toolgate.test";

export class Gateway {
  /** Starts the subject (TOOLGATE_UP_COMMAND, as a JSON array), or takes one that runs (TOOLGATE_UP, its line of JSON). */
  static async find() {
    const gateway = new Gateway();
    if (process.env.TOOLGATE_UP) {
      gateway.up = JSON.parse(process.env.TOOLGATE_UP);
      return gateway;
    }
    const [program, ...args] = JSON.parse(process.env.TOOLGATE_UP_COMMAND);
    gateway.process = owned(start(program, args));
    await gateway.#readLine();
    return gateway;
  }

  async #readLine() {
    const { value, done } = await this.process.lines.next();
    if (done) throw new Error(`the gateway did not start:\n${this.process.log}`);
    this.up = JSON.parse(value);
  }

  /** What it has logged lately. */
  get log() {
    return this.process?.log ?? "";
  }

  get canRestart() {
    return this.process !== undefined;
  }

  /** Ends the runtime and starts it again on the same store and port; back when it serves. */
  async restart() {
    this.process.kill("SIGHUP");
    await this.#readLine();
  }

  async stop() {
    if (this.process) await end(this.process);
  }

  /** One request to the admin API. `token` null: without one. */
  admin(method, path, body, { token = this.up.operator_token, headers = {} } = {}) {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const content = body === undefined ? {} : { "content-type": "application/json" };
    return send(this.up.admin_url + path, {
      method,
      headers: { ...authorization, ...content, ...headers },
      body: typeof body === "string" || body === undefined ? body : JSON.stringify(body),
    });
  }

  /** Like `admin`, where only success will do. */
  async manage(method, path, body) {
    const answer = await this.admin(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text === "" ? null : answer.json;
  }

  /** The tenant that is there from the beginning, with its key. */
  get demo() {
    return new Tenant(this, this.up.tenant);
  }

  /** A tenant of a test's own. */
  async tenant(name) {
    const tenant = new Tenant(this, `${name}-${randomBytes(3).toString("hex")}`);
    await this.manage("PUT", `/tenants/${tenant.id}`, {});
    return tenant;
  }
}

export class Tenant {
  constructor(gateway, id) {
    this.gateway = gateway;
    this.id = id;
    this.path = `/tenants/${id}`;
    this.mcp = `${gateway.up.base_url}/t/${id}/mcp`;
  }

  /** Registers an upstream on this machine. */
  server(id, url, more = {}) {
    return this.gateway.manage("PUT", `${this.path}/servers/${id}`, { url, network: "loopback", ...more });
  }

  /** Makes a key: `{id, secret, …}`. */
  key(grants = ["*"], more = {}) {
    return this.gateway.manage("POST", `${this.path}/keys`, { name: "test", grants, ...more });
  }

  changeKey(id, change) {
    return this.gateway.manage("PATCH", `${this.path}/keys/${id}`, change);
  }

  deleteKey(id) {
    return this.gateway.manage("DELETE", `${this.path}/keys/${id}`);
  }
}

// What all tests share: the gateway, the real upstreams registered for its first tenant, and a scripted one.

import { startPeers } from "../upstreams/peers.mjs";
import { Scripted } from "../upstreams/scripted.mjs";
import { Gateway } from "./gateway.mjs";
import { endAll } from "./process.mjs";

async function build() {
  const [gateway, peers, scripted] = await Promise.all([Gateway.find(), startPeers(), Scripted.start()]);
  const { demo } = gateway;
  for (const [id, url] of Object.entries(peers.urls)) await demo.server(id, url);
  return { gateway, demo, key: gateway.up.key, peers, scripted };
}

export const world = await build().catch(async (error) => {
  await endAll();
  throw error;
});

/**
 * `minifo/worker` that can be frozen: told to on the channel `freeze NAME`, NAME being the worker's own, it waits for an
 * answer of the rig's server without doing anything else, as a worker does that the browser has stopped.
 */
import "./vitest-in-worker.ts";
import "../../web/worker.ts";

const { name } = self as unknown as { name: string };

new BroadcastChannel(`freeze ${name}`).onmessage = () => {
  const request = new XMLHttpRequest();
  request.open("GET", `/frozen/${encodeURIComponent(name)}`, false);
  request.send();
};

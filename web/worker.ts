/**
 * The worker's entry, a module that runs as a SharedWorker, one for all tabs, or as a tab's own Worker: whoever connects
 * is a visitor, who says with `attach` which storage it means.
 *
 * WebKit runs a worker's own script once more when another module imports it, as what a bundler has loaded later does: two
 * of each class and of each `Map`. So visitors are received by the module that others import, which elsewhere is this one.
 */
import { type Endpoint, expose } from "comlink";
import { hostName, hostOf } from "./host.ts";
import { throwWholeErrors } from "./thrown-errors.ts";
import { Visitor } from "./visitor.ts";

throwWholeErrors();

const place = Symbol.for("minifo: receives visitors");
const isFirst = !Reflect.has(globalThis, place);
Reflect.set(globalThis, place, (endpoint: Endpoint) =>
  expose(new Visitor(hostName, hostOf, true), endpoint),
);

if (isFirst) {
  const asImported = import(/* @vite-ignore */ import.meta.url).catch(() => {
    // A bundler that does not know where this lies has no module import it either.
  });
  const receive = async (endpoint: Endpoint): Promise<void> => {
    await asImported;
    Reflect.get(globalThis, place)(endpoint);
  };
  // Both as early as can be: the first page speaks while the script still loads.
  if ("onconnect" in globalThis) {
    globalThis.addEventListener("connect", (event) => {
      const [port] = (event as MessageEvent).ports;
      if (port) void receive(port);
    });
  } else {
    const early: Event[] = [];
    const keep = (event: Event): void => {
      early.push(event);
    };
    globalThis.addEventListener("message", keep);
    receive(globalThis).then(() => {
      globalThis.removeEventListener("message", keep);
      for (const event of early) {
        const { data, ports } = event as MessageEvent;
        globalThis.dispatchEvent(new MessageEvent("message", { data, ports: [...ports] }));
      }
    });
  }
}

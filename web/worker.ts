/**
 * The worker's entry, a module that runs as a SharedWorker, one for all tabs, or as a tab's own Worker: whoever connects
 * is a visitor, who says with `attach` which storage it means.
 */
import { expose } from "comlink";
import { hostName, hostOf } from "./host.ts";
import { throwWholeErrors } from "./thrown-errors.ts";
import { Visitor } from "./visitor.ts";

throwWholeErrors();

if ("onconnect" in globalThis) {
  // As early as can be: the first page connects while the script still loads.
  globalThis.addEventListener("connect", (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port) expose(new Visitor(hostName, hostOf, true), port);
  });
} else {
  expose(new Visitor(hostName, hostOf, true));
}

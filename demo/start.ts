/**
 * The workbench's page: opens the base that its address names, by its URL, or says how to name one.
 */
import { byId, icon } from "./element.ts";
import { explainOpening } from "./explain.ts";
import { showNotice } from "./notice.ts";
import { placeInAddress, storageFor } from "./place.ts";
import { keepSite } from "./site-keeper.ts";
import { homeAddress } from "./site-origin.ts";
import { Workbench } from "./workbench.ts";

/** Opens what the address names. */
async function start(): Promise<void> {
  const { base, storage, file } = placeInAddress();
  byId("base", HTMLInputElement).value = base ?? "";
  if (base === undefined) {
    showNotice({
      title: "Open a site",
      text: "Put the address of a minifo base above: any static site with a minifo.json at its root. Serve one of your own with:",
      command: "npx minifo serve DIR",
    });
    return;
  }
  const home = homeAddress();
  if (home !== undefined) {
    showNotice({
      title: "Open the workbench under its name",
      text: "It shows each site on an origin of its own, beside its own, so that a site's scripts reach nothing else. That takes a name:",
      command: home,
    });
    return;
  }
  const state = byId("status-state", HTMLElement);
  state.textContent = "Opening…";
  try {
    const name = storage ?? storageFor(base);
    const site = await keepSite(byId("core", HTMLIFrameElement), base, name);
    byId("status-base", HTMLElement).textContent = base;
    // For the console: `await minifo.fs.promises.readdir("/")`.
    Object.assign(globalThis, { minifo: site.keeper });
    await new Workbench(site).begin(file);
  } catch (error) {
    state.textContent = "Not open";
    showNotice(await explainOpening(error, base), () => location.reload());
  }
}

for (const [id, name] of [
  ["new-file", "new-file"],
  ["new-folder", "new-folder"],
  ["rename", "rename"],
  ["delete", "delete"],
  ["preview-reload", "reload"],
  ["preview-open", "external"],
] as const) {
  byId(id, HTMLElement).append(icon(name));
}
byId("open", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const base = byId("base", HTMLInputElement).value;
  history.pushState(null, "", `#${new URLSearchParams({ base })}`);
  location.reload();
});
window.addEventListener("hashchange", () => location.reload());
await start();

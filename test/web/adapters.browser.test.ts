/** Streams, File System API handles and VS Code's provider on a page, over an overlay in its worker. */
import { adaptersSuite } from "../fs/adapters-suite.ts";
import { opened } from "./opened.ts";

adaptersSuite(async () => {
  const { promises } = (await opened("empty")).fs;
  await promises.mkdir("/base");
  await promises.writeFile("/base/file", "of the base");
  return promises;
});

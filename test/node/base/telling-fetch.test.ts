/** What Node's network errors say. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { tellingFetch } from "../../../node/base/telling-fetch.ts";

test("a connection that was refused is told with the question whether the server runs", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const message = "connection refused: is the server running, and on this port?";
  await expect(tellingFetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
    cause: { code: "ECONNREFUSED", message },
  });
});

test("an error without a code stays what it is", async () => {
  const refused = await fetch("http://127.0.0.1:1/").catch((error: Error) => error);
  expect(await tellingFetch("http://127.0.0.1:1/").catch((error: Error) => error)).toEqual(refused);
});

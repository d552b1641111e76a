/** Extended attributes that are none of a file's data. */
import { expect, test } from "vitest";
import { run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

test("an access control list is refused, so that whoever sets it sets the mode instead", async () => {
  const name = "system.posix_acl_access";
  const f = await Fixture.open({
    f: { content: "f", xattrs: { [name]: "list", "user.own": "v" } },
  });
  const inode = await f.at("f");
  const asked = [
    run(f.overlay.setxattr(inode, name, new Uint8Array(28))),
    run(f.overlay.getxattr(inode, name)),
    run(f.overlay.removexattr(inode, name)),
  ];
  for (const answer of asked) {
    await expect(answer).rejects.toMatchObject({ code: "EOPNOTSUPP", errno: -95 });
  }
  expect(await run(f.overlay.listxattr(inode))).toEqual(["user.own"]);
  expect(f.overlay.dirty).toBe(false);
});

test("a value is what it was when it was set, whatever becomes of the caller's Buffer", async () => {
  const f = await Fixture.open({ f: "f" });
  const inode = await f.at("f");
  const value = Buffer.from("value");
  await run(f.overlay.setxattr(inode, "user.own", value));
  value.fill(0);
  expect(Buffer.from(await run(f.overlay.getxattr(inode, "user.own"))).toString()).toBe("value");
});

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

test("an attribute of the base that was removed stays away, and can be made again", async () => {
  const tree = (value: string) => ({
    "dir/f": { content: "f", xattrs: { "user.base": value, "user.other": "kept" } },
  });
  const f = await Fixture.open(tree("below"));
  const names = async (path: string) => await run(f.overlay.listxattr(await f.at(path)));
  await run(f.overlay.removexattr(await f.at("dir/f"), "user.base"));
  expect(await names("dir/f")).toEqual(["user.other"]);
  await f.rename("dir/f", "moved");
  await f.remount();
  expect(await names("moved")).toEqual(["user.other"]);
  await f.republish(tree("anew"));
  const inode = await f.at("moved");
  const asked = [
    run(f.overlay.getxattr(inode, "user.base")),
    run(f.overlay.removexattr(inode, "user.base")),
    run(f.overlay.setxattr(inode, "user.base", new Uint8Array(1), { replace: true })),
  ];
  for (const answer of asked) await expect(answer).rejects.toMatchObject({ code: "ENODATA" });
  await run(f.overlay.setxattr(inode, "user.base", Buffer.from("own"), { create: true }));
  expect((await names("moved")).sort()).toEqual(["user.base", "user.other"]);
  expect(Buffer.from(await run(f.overlay.getxattr(inode, "user.base"))).toString()).toBe("own");
});

/** Whatever comes over the device: every request that can be answered is answered exactly once, and nothing throws. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isUnanswered } from "../../../node/fuse/protocol/request.ts";
import { Message, opcodes } from "../../../node/fuse/protocol/wire.ts";
import { Bytes, requestOf } from "./kernel-side.ts";
import { Kernel } from "./session-fixture.ts";

const known = Object.values(opcodes);

const arbitraryRequest = fc.record({
  opcode: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.nat(100) },
  ),
  nodeid: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.maxSafeNat()),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Small numbers and names, which get further than noise does.
    fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
        fc.array(fc.constantFrom("a.txt", "d", "b.txt", "..", "new", "x".repeat(300)), {
          maxLength: 2,
        }),
      )
      .map(([words, names]) => {
        const bytes = new Bytes().u32(...words);
        for (const name of names) bytes.name(name);
        return new Uint8Array(bytes.buffer);
      }),
  ),
});

test("random requests get one reply each", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryRequest, { maxLength: 60 }), async (requests) => {
      const kernel = await Kernel.over({ "a.txt": "alpha", "d/b.txt": "beta" });
      for (const { opcode, nodeid, body } of requests) {
        const before = kernel.replies.length;
        const unique = kernel.send(opcode, nodeid, new Bytes().raw(body));
        expect(kernel.replies.length - before).toBe(isUnanswered(opcode) ? 0 : 1);
        if (!isUnanswered(opcode)) expect(kernel.replies.at(-1)?.unique).toBe(unique);
      }
      expect(kernel.complaints).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("requests cut off anywhere get one reply each", async () => {
  const kernel = await Kernel.over({ "a.txt": "alpha" });
  const body = new Bytes().u64(1, 0, 2, 3, 4, 5).u32(6, 7, 8, 9).name("a.txt").name("b");
  for (const opcode of known) {
    const whole = requestOf({ opcode, body });
    for (let length = 40; length <= whole.length; length += 1) {
      const cut = new Message(Buffer.from(whole.bytes.subarray(0, length)));
      cut.view.setUint32(0, length, true);
      const before = kernel.replies.length;
      kernel.session.receive(cut);
      expect(kernel.replies.length - before).toBe(isUnanswered(opcode) ? 0 : 1);
    }
  }
  expect(kernel.complaints).toEqual([]);
});

/**
 * One file of the base under random reads, writes, truncations, mappings, holes and copies, through several handles,
 * against a mirror of it, with remounts in between. The seed is printed; MINIFO_WORK_SEED plays it again.
 */
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const steps = countOf("STEPS", 10_000);
const stepsOfRound = Math.min(1250, steps);
const seed = countOf("SEED", randomInt(2 ** 31));

const fill = (base: string) =>
  shell(
    `head -c 900123 /dev/urandom >changed; head -c 1500000 /dev/urandom >copied
    head -c 8000000 /dev/urandom >shared`,
    base,
  );

for (const over of ["directory", "http"] as const) {
  describeWork(
    `a file of the base over ${over === "http" ? "HTTP" : "a directory"}`,
    { needs: ["cc"], over, fill },
    (place) => {
      test(`equals its mirror through ${steps / 2} random steps with remounts (seed ${seed})`, async () => {
        const exerciser = await place().compile("exerciser");
        await place().run('cp ../base/changed "$OUTSIDE/mirror"');
        for (let round = 0; round < Math.ceil(steps / 2 / stepsOfRound); round += 1) {
          if (round > 0) await place().remount();
          await place().run(
            `cmp changed "$OUTSIDE/mirror"
            ${exerciser} changed copied ${seed + round} ${stepsOfRound} "$OUTSIDE/mirror"
            cmp changed "$OUTSIDE/mirror"; cmp copied ../base/copied`,
          );
        }
        await place().remount();
        expect(await place().run('cmp changed "$OUTSIDE/mirror"')).toBe("");
      });

      test(`keeps apart what 4 processes do to their parts of it in ${steps / 10} random steps each (seed ${seed})`, async () => {
        const regions = await place().compile("regions");
        await place().run(
          `${regions} shared ${seed} ${steps / 10} 4; cmp shared shared.mirror; mv shared.mirror "$OUTSIDE/shared"`,
        );
        await place().remount();
        expect(await place().run('cmp shared "$OUTSIDE/shared"')).toBe("");
      });
    },
  );
}

import { describe, expect, test } from "vitest";
import { alternate, expectRight, median } from "./measure.ts";
import { pictureOf } from "./picture.ts";
import { isMet, machine, type Report, type Row, ratio } from "./report.ts";
import { tableOf } from "./table.ts";

const samples = (median: number) => ({ median, samples: [median] });

const row: Row = {
  what: "reads",
  unit: "/s",
  better: "more",
  values: {
    ours: samples(200),
    theirs: samples(100),
    broken: { instead: "wrong result: 3 bytes" },
  },
};
const costs: Row = {
  what: "bytes fetched",
  unit: "bytes",
  better: "less",
  values: { ours: samples(0), theirs: samples(1000), broken: samples(0) },
};
const report: Report = {
  title: 'a < b & "c"',
  contenders: [{ name: "ours" }, { name: "theirs" }, { name: "broken" }],
  rows: [row, costs],
  targets: [
    { what: "reads", contender: "ours", against: "theirs", atLeast: 2 },
    { what: "reads", contender: "theirs", against: "ours", atLeast: 0.6, because: "it copies" },
    { what: "reads", contender: "ours", against: "broken", atLeast: 1 },
  ],
  notes: [],
};

describe("a ratio", () => {
  test("says how many times as good one is, whether more or less is better", () => {
    expect(ratio(row, "ours", "theirs")).toBe(2);
    expect(ratio({ ...row, better: "less" }, "ours", "theirs")).toBe(0.5);
  });

  test("is not made of a wrong result, nor of nothing", () => {
    expect(ratio(row, "ours", "broken")).toBeUndefined();
    expect(ratio(row, "ours", "absent")).toBeUndefined();
    expect(ratio(costs, "ours", "theirs")).toBeUndefined();
    expect(ratio(costs, "ours", "broken")).toBe(1);
  });

  test("meets a target, misses it, or cannot tell", () => {
    expect(report.targets.map((target) => isMet(report, target))).toEqual([true, false, undefined]);
  });
});

describe("measuring", () => {
  test("takes the middle one, or the mean of the two in the middle", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([8, 2, 4, 6])).toBe(5);
    expect(() => median([])).toThrow(RangeError);
  });

  test("asks all in every round, and begins with another one each time", async () => {
    const asked: string[] = [];
    const asking = (name: string) => () => asked.push(name);
    const values = await alternate({ a: asking("a"), b: asking("b") }, { rounds: 3 });
    expect(asked.join("")).toBe("abbaab");
    expect(values.a).toEqual({ median: 4, samples: [1, 4, 5] });
  });

  test("asks one that fails no more, and gives its words for a number", async () => {
    let asked = 0;
    const values = await alternate(
      {
        wrong: () => {
          asked += 1;
          expectRight(false, "3 names of 4");
          return 1;
        },
        unable: () => Promise.reject(new Error("no such call\nat all")),
      },
      { rounds: 3 },
    );
    expect(asked).toBe(1);
    expect(values.wrong).toEqual({ instead: "wrong result: 3 names of 4" });
    expect(values.unable).toEqual({ instead: "cannot: no such call" });
  });
});

describe("a report is drawn", () => {
  const drawn = { format: "minifo-bench/1", machine: machine(), ...report } as const;

  test("as a table whose cells tell the ratio to the first column", () => {
    const table = tableOf(drawn);
    expect(table).toContain("| reads ");
    expect(table).toContain("100/s (0.5×)");
    expect(table).toContain("wrong result: 3 bytes");
    expect(table).toContain("missed: reads, theirs at least 0.6× of ours (0.5×) – it copies");
    const widths = table.split("\n").filter((line) => line.startsWith("|"));
    expect(new Set(widths.map((line) => line.length)).size).toBe(1);
  });

  test("with what was promised not to be passed, kept or not", () => {
    const promised = (atMost: number) => ({ what: row.what, contender: "ours", atMost });
    const table = tableOf({ ...drawn, limits: [promised(1e9), promised(1)] });
    expect(table).toMatch(/met: reads, ours at most 1,000,000,000 \/s/);
    expect(table).toMatch(/missed: reads, ours at most 1 \/s/);
  });

  test("as a picture that takes no name for markup", () => {
    const hostile = "</text><script>alert(1)</script>\u0000";
    const contenders = [{ name: "ours" }, { name: hostile }];
    const values = { ours: samples(2), [hostile]: samples(1) };
    const picture = pictureOf({ ...report, contenders, rows: [{ ...row, what: hostile, values }] });
    expect(picture).not.toContain("<script");
    expect(picture).not.toContain("\u0000");
    expect(picture).toContain("a &lt; b &amp; &quot;c&quot;");
    expect(picture.match(/<circle/g)).toHaveLength(4);
  });

  test("with every dot inside the picture, however far the ratios lie apart", () => {
    const values = { ours: samples(1), theirs: samples(1e-5), broken: samples(12345) };
    const picture = pictureOf({ ...report, rows: [{ ...row, values }] });
    const across = [...picture.matchAll(/cx="([\d.-]+)"/g)].map(([, x]) => Number(x));
    expect(Math.min(...across)).toBeGreaterThan(0);
    expect(Math.max(...across)).toBeLessThan(860);
  });
});

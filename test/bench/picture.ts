/**
 * A report as an SVG picture: a line per piece of work, a dot per contender, how many times as good as the first one on
 * a logarithmic axis. Middle tones on no ground of its own, so that it reads on dark and on light pages; no script, no
 * font, no reference to anything outside.
 */
import { type Report, type Row, ratio } from "./report.ts";
import { shownRatio } from "./table.ts";

/** Lengths in pixels. */
const width = 860;
const labelWidth = 300;
const edge = 24;
const rowHeight = 26;
const legendHeight = 20;
const footHeight = 34;

/** Of at least 3 to 1 on white and on near-black alike. */
const ink = "#7a7f87";
const colors = ["#2f81f7", "#d9730d", "#2da44e", "#a371f7", "#d63384", "#0f9d9d", "#b08800"];

/** One dot of a row. */
interface Dot {
  readonly contender: number;
  readonly times: number;
}

export function pictureOf(report: Report): string {
  const { contenders, rows } = report;
  const names = legend(contenders.map(({ name }) => name));
  const headHeight = 54 + names.lines * legendHeight;
  // Where the first one has no number nothing can be compared to it.
  const lines = rows
    .map((row) => ({ row, dots: dotsOf(report, row) }))
    .filter(({ dots }) => dots.length > 0);
  const reach = reachOf(lines.flatMap(({ dots }) => dots.map(({ times }) => times)));
  // The last mark has half of its label beside it.
  const plotWidth = width - labelWidth - 3 * edge;
  const x = (times: number): number => {
    const part = (Math.log10(times) - Math.log10(reach.from)) / Math.log10(reach.to / reach.from);
    return labelWidth + edge + part * plotWidth;
  };
  const height = headHeight + lines.length * rowHeight + footHeight;
  const bottom = height - footHeight;
  const first = contenders[0]?.name ?? "";
  // Where they are many, every other mark has its number: 1× has.
  const every = reach.ticks.length > 8 ? 2 : 1;
  const axis = reach.ticks.map((tick, index) => {
    const at = number(x(tick));
    const dashes = tick === 1 ? "" : ' stroke-dasharray="2 4" opacity="0.5"';
    return (
      `<line x1="${at}" y1="${headHeight - 8}" x2="${at}" y2="${bottom}" stroke="${ink}"${dashes}/>` +
      ((index - reach.ticks.indexOf(1)) % every === 0
        ? text(at, bottom + 16, shownRatio(tick), "middle")
        : "")
    );
  });
  const drawn = lines.map(({ row, dots }, index) => {
    const y = headHeight + (index + 0.5) * rowHeight;
    const label = text(labelWidth, y + 4, row.what, "end");
    // The first ones lie above the others.
    const drawn = dots.toReversed().map((dot) => circle(report, row, dot, x(dot.times), y));
    return label + drawn.join("");
  });
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="${ink}">`,
    `<title>${escaped(report.title)}</title>`,
    text(edge, 24, report.title, "start", ' font-size="16" font-weight="600"'),
    names.drawn,
    text(width - edge, 24, `times as good as ${first}: better to the right`, "end"),
    ...axis,
    ...drawn,
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function dotsOf({ contenders }: Report, row: Row): Dot[] {
  const first = contenders[0]?.name ?? "";
  return contenders.flatMap(({ name }, contender) => {
    const times = ratio(row, name, first);
    return times === undefined || times <= 0 ? [] : [{ contender, times }];
  });
}

/** From which ratio to which the axis goes, and where its marks are: whole powers of ten, or of two if few would do. */
function reachOf(times: readonly number[]): { from: number; to: number; ticks: number[] } {
  const least = Math.min(0.5, ...times);
  const most = Math.max(2, ...times);
  const step = most / least > 64 ? 10 : 2;
  const low = Math.floor(Math.log(least) / Math.log(step) - 0.02);
  const high = Math.ceil(Math.log(most) / Math.log(step) + 0.02);
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => step ** (low + index));
  return { from: step ** low, to: step ** high, ticks };
}

function circle(report: Report, row: Row, dot: Dot, x: number, y: number): string {
  const { name } = report.contenders[dot.contender] ?? { name: "" };
  const said = escaped(`${row.what}: ${name} ${shownRatio(dot.times)}`);
  return `<circle cx="${number(x)}" cy="${y}" r="6" fill="${color(dot.contender)}"><title>${said}</title></circle>`;
}

/** A dot and a name for each, in as many lines as they take. */
function legend(names: readonly string[]): { readonly drawn: string; readonly lines: number } {
  let at = edge;
  let line = 0;
  const entries = names.map((name, index) => {
    const length = 18 + name.length * 7.5 + 20;
    if (at + length > width && at > edge) {
      at = edge;
      line += 1;
    }
    const y = 46 + line * legendHeight;
    const entry = `<circle cx="${at + 6}" cy="${y}" r="6" fill="${color(index)}"/>${text(at + 18, y + 4, name, "start")}`;
    at += length;
    return entry;
  });
  return { drawn: entries.join(""), lines: line + 1 };
}

function color(contender: number): string {
  return colors[contender % colors.length] as string;
}

function text(x: number | string, y: number, words: string, anchor: string, more = ""): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;
}

function number(value: number): string {
  return value.toFixed(1);
}

/** What XML cannot hold is left out; what it would take for markup is spelled out. */
function escaped(words: string): string {
  return words
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

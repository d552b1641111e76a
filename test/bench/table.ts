/** A report as a table that reads well on a terminal and is Markdown at the same time. */
import {
  isKept,
  isMet,
  type MachineReport,
  type Report,
  type Row,
  ratio,
  type Value,
} from "./report.ts";

/** The whole report: the table, how to read it, the targets, the notes, the machine. */
export function tableOf(report: MachineReport): string {
  const first = report.contenders[0]?.name ?? "";
  const { cpu, cores, kernel, node, date, load } = report.machine;
  const parts = [
    `## ${report.title}`,
    grid([headOf(report), ...report.rows.map((row) => lineOf(report, row))]),
    `In brackets: how many times as good as ${first}, as far as it can be divided.`,
    ...report.contenders.flatMap(({ name, remark }) => (remark ? [`- ${name}: ${remark}`] : [])),
    targetsOf(report),
    report.notes.map((note) => `- ${note}`).join("\n"),
    `${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}, ${date}, load ${load}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** A number with as many digits as mean something. */
function shown(number: number): string {
  const size = Math.abs(number);
  if (size >= 100 || Number.isInteger(number))
    return Math.round(number).toLocaleString("en-US", { useGrouping: true });
  return String(Number(number.toPrecision(size >= 10 ? 3 : 2)));
}

/** A ratio, with as many digits as mean something. */
export function shownRatio(times: number): string {
  return `${times >= 10 ? Math.round(times).toLocaleString("en-US") : Number(times.toPrecision(2))}×`;
}

function headOf({ contenders }: Report): string[] {
  return ["", ...contenders.map(({ name }) => escaped(name))];
}

function lineOf({ contenders }: Report, row: Row): string[] {
  const first = contenders[0]?.name ?? "";
  const cells = contenders.map(({ name }) => {
    const times = name === first ? undefined : ratio(row, name, first);
    const cell = cellOf(row.values[name], row.unit);
    return times === undefined ? cell : `${cell} (${shownRatio(times)})`;
  });
  return [escaped(row.what), ...cells];
}

function cellOf(value: Value | undefined, unit: string): string {
  if (!value) return "–";
  if ("instead" in value) return escaped(value.instead);
  return `${shown(value.median)}${unit.startsWith("/") || unit === "" ? "" : " "}${unit}`;
}

function targetsOf(report: Report): string {
  const lines = report.targets.map((target) => {
    const { what, contender, against, atLeast, because } = target;
    const row = report.rows.find((one) => one.what === what) as Row;
    const reached = ratio(row, contender, against);
    const met = isMet(report, target);
    const outcome = met === undefined ? "not measured" : met ? "met" : "missed";
    const told = reached === undefined ? "" : ` (${shownRatio(reached)})`;
    const why = met === false && because ? ` – ${because}` : "";
    return `- ${outcome}: ${what}, ${contender} at least ${shownRatio(atLeast)} of ${against}${told}${why}`;
  });
  const kept = (report.limits ?? []).map((limit) => {
    const { what, contender, atMost, because } = limit;
    const row = report.rows.find((one) => one.what === what) as Row;
    const isGood = isKept(report, limit);
    const outcome = isGood === undefined ? "not measured" : isGood ? "met" : "missed";
    const why = isGood === false && because ? ` – ${because}` : "";
    const most = `${shown(atMost)}${row.unit === "" ? "" : ` ${row.unit}`}`;
    return `- ${outcome}: ${what}, ${contender} at most ${most} (${cellOf(row.values[contender], row.unit)})${why}`;
  });
  return [...lines, ...kept].join("\n");
}

/** Lines of cells with the columns below each other, the first to the left and the others to the right. */
function grid(lines: readonly (readonly string[])[]): string {
  const [head = []] = lines;
  const widths = head.map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const drawn = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [drawn(head), drawn(rule), ...lines.slice(1).map(drawn)].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ");
}

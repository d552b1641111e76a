/**
 * A C program of many files with a Makefile that follows dependencies, generated: every unit includes a few of the headers, so
 * that it is known what a change of one header must compile again.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const units = 64;
const headers = 12;

/** The headers that `unit` includes. */
function headersOf(unit: number): number[] {
  return [unit % headers, (unit * 5 + 1) % headers, (unit * unit + 2) % headers];
}

/** The objects that depend on `header`, as the Makefile names them, sorted. */
export function objectsThatInclude(header: number): string[] {
  return Array.from({ length: units }, (_, unit) => unit)
    .filter((unit) => headersOf(unit).includes(header))
    .map((unit) => `unit${unit}.o`)
    .sort();
}

/** All objects, sorted. */
export const allObjects: readonly string[] = [
  "main.o",
  ...Array.from({ length: units }, (_, unit) => `unit${unit}.o`),
].sort();

/** What the program prints. */
export const sum = Array.from({ length: units }, (_, unit) => unit)
  .map((unit) => headersOf(unit).reduce((total, header) => total + header, unit))
  .reduce((total, value) => total + value);

const makefile = `
O ?= out
sources := $(wildcard src/*.c)
objects := $(sources:src/%.c=$(O)/%.o)

$(O)/program: $(objects)
	@echo LD program
	@cc -o $@ $^

$(O)/%.o: src/%.c | $(O)
	@echo CC $*.o
	@cc -O1 -Iinclude -MMD -MP -c -o $@ $<

$(O):
	@mkdir -p $@

clean:
	@rm -rf $(O)

-include $(objects:.o=.d)
.PHONY: clean
`;

/** Writes the sources below `directory`. */
export async function writeProject(directory: string): Promise<void> {
  const write = (path: string, text: string) => writeFile(join(directory, path), text);
  await mkdir(join(directory, "src"), { recursive: true });
  await mkdir(join(directory, "include"));
  await write("Makefile", makefile.trimStart());
  for (let header = 0; header < headers; header += 1) {
    await write(
      `include/part${header}.h`,
      `#pragma once\n#include <stdio.h>\nstatic inline int part${header}(void) { return ${header}; }\n`,
    );
  }
  const calls: string[] = [];
  for (let unit = 0; unit < units; unit += 1) {
    const included = headersOf(unit);
    const lines = [...new Set(included)].map((header) => `#include "part${header}.h"`);
    const parts = included.map((header) => `part${header}()`).join(" + ");
    lines.push(`int unit${unit}(void) { return ${unit} + ${parts}; }`);
    await write(`src/unit${unit}.c`, `${lines.join("\n")}\n`);
    calls.push(`unit${unit}()`);
  }
  const declared = calls.map((call) => `int ${call.replace("()", "(void)")};`);
  const body = `int main(void) { printf("%d\\n", ${calls.join(" + ")}); }`;
  await write("src/main.c", `#include <stdio.h>\n${declared.join("\n")}\n${body}\n`);
}

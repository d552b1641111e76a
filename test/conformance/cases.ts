/** The whole table, by subject. A found bug becomes a case in one of these files first. */
import { argumentCases } from "./arguments.ts";
import { attributeCases } from "./attributes.ts";
import { contentCases } from "./contents.ts";
import { directoryCases } from "./directories.ts";
import { handleCases } from "./handles.ts";
import { nameCases } from "./names.ts";
import { pathCases } from "./paths.ts";
import { permissionCases } from "./permissions.ts";
import type { ConformanceCase } from "./table.ts";
import { treeCases } from "./trees.ts";

export const cases: readonly ConformanceCase[] = [
  ...argumentCases,
  ...pathCases,
  ...contentCases,
  ...handleCases,
  ...nameCases,
  ...directoryCases,
  ...attributeCases,
  ...treeCases,
  ...permissionCases,
];

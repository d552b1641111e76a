/** A worker that answers at once: what a call to one costs by itself. */
import { expose } from "comlink";

const answers = { answer: (value: unknown): unknown => value };

/** What `raw-page.ts` calls. */
export type BareCalls = typeof answers;

expose(answers);

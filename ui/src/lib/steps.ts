// From the list that is shown to the one that there is now, step by step.

import type { Difference } from "../api";

/** Rows that did not change stay the objects they were. */
export function stepped<T>(shown: T[], steps: Difference<T>[]): T[] {
  let rows = [...shown];
  for (const step of steps) {
    if ("resync" in step) rows = [...step.resync];
    else if ("remove" in step) rows.splice(step.remove, 1);
    else if ("insert" in step) rows.splice(step.insert[0], 0, step.insert[1]);
    else rows[step.change[0]] = step.change[1];
  }
  return rows;
}

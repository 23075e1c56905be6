// Watches for a backend that tells no steps itself: it is asked again for the whole when something changed.

import type { Watcher } from "./index";

/** `changes` are told when something did; `ask` answers what there is then. */
export function asking<Q, T, A>(
  changes: Set<() => void>,
  ask: (query: Q) => Promise<{ rows: T[]; about: A }>,
): Watcher<Q, T, A> {
  return async (first) => {
    let [query, turn, stale, ended] = [first, 0, true, false];
    let wake = (): void => undefined;
    const changed = (): void => {
      stale = true;
      wake();
    };
    changes.add(changed);
    return {
      next: async () => {
        while (!stale && !ended) await new Promise<void>((done) => (wake = done));
        if (ended) return null;
        stale = false;
        const at = turn;
        try {
          const { rows, about } = await ask(query);
          return { turn: at, changed: { rows: [{ resync: rows }], about } };
        } catch (why) {
          stale = true;
          throw why;
        }
      },
      turn: async (to, number) => {
        if (number > turn) [query, turn] = [to, number];
        changed();
      },
      end: async () => {
        ended = true;
        changes.delete(changed);
        wake();
      },
    };
  };
}

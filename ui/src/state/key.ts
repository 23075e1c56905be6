// Which screen an error has that kept the profile from being opened.

import type { KeyState } from "../api";

/** The states of the key, and "failed" for what has nothing to do with it, such as a full disk. */
export type KeyScreen = KeyState | "failed";

const states: Record<number, KeyScreen> = {
  20: "no_backend",
  21: "locked",
  22: "missing",
  23: "wrong",
  24: "corrupt",
  25: "unreachable",
  26: "busy",
  27: "newer",
};

/** By the error's exit code. A state that is known already counts, but the shell calls everything else damaged. */
export function stateOf(code: number, known: KeyScreen = "corrupt"): KeyScreen {
  return known === "corrupt" ? (states[code] ?? "failed") : known;
}

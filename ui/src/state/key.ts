// Which screen an error has that kept the profile from being opened.

import type { KeyState } from "../api";

/** The states of the key that have a screen, and "failed" for what has nothing to do with it, such as a full disk. */
export type KeyScreen = Exclude<KeyState, "ready" | "absent"> | "failed";

const states: Record<string, KeyScreen> = {
  no_backend: "no_backend",
  locked: "locked",
  dismissed: "dismissed",
  key_missing: "missing",
  wrong_key: "wrong",
  corrupt: "corrupt",
  unreachable: "unreachable",
  busy: "busy",
  newer: "newer",
  no_locks: "no_locks",
};

/** By the error's name. A state that is known already counts, but the shell calls everything else damaged. */
export function stateOf(error: string, known: KeyScreen = "corrupt"): KeyScreen {
  return known === "corrupt" ? (states[error] ?? "failed") : known;
}

import { expect, test } from "vitest";
import { stateOf } from "./key";

test("an error that says nothing of the key has a neutral screen, without repair", () => {
  for (const error of ["bad_input", "disk_full", "internal"]) expect(stateOf(error)).toBe("failed");
  expect(stateOf("disk_full", "corrupt")).toBe("failed");
  expect(stateOf("corrupt", "corrupt")).toBe("corrupt");
  expect(stateOf("no_backend")).toBe("no_backend");
});

test("locked, dismissed, gone and replaced are told apart", () => {
  expect(["locked", "dismissed", "key_missing", "wrong_key"].map((error) => stateOf(error))).toEqual([
    "locked",
    "dismissed",
    "missing",
    "wrong",
  ]);
});

test("a passphrase that was mistyped is asked again", () => {
  expect(stateOf("wrong_key", "passphrase")).toBe("passphrase");
});

test("a folder that does not lock files is no damaged profile", () => {
  expect(stateOf("no_locks", "corrupt")).toBe("no_locks");
});

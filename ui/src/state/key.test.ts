import { expect, test } from "vitest";
import { stateOf } from "./key";

test("an error that says nothing of the key has a neutral screen, without repair", () => {
  for (const code of [3, 28, 70]) expect(stateOf(code)).toBe("failed");
  expect(stateOf(28, "corrupt")).toBe("failed");
  expect(stateOf(24, "corrupt")).toBe("corrupt");
  expect(stateOf(20)).toBe("no_backend");
});

test("a passphrase that was mistyped is asked again", () => {
  expect(stateOf(23, "passphrase")).toBe("passphrase");
});

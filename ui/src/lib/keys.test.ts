import { expect, test } from "vitest";
import { composing } from "./keys";

test("an Enter that chooses a word of an input method is not one's own", () => {
  expect(composing(new KeyboardEvent("keydown", { key: "Enter", isComposing: true }))).toBe(true);
  expect(composing(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229 }))).toBe(true);
  expect(composing(new KeyboardEvent("keydown", { key: "Enter", keyCode: 13 }))).toBe(false);
});

import { expect, test } from "vitest";
import { highlighted } from "./highlight";

test("ranges in bytes fall on the right letters after accents and emoji", () => {
  expect(highlighted("é👍 route", [[7, 12]])).toEqual([
    { text: "é👍 ", found: false },
    { text: "route", found: true },
  ]);
  expect(highlighted("route", [])).toEqual([{ text: "route", found: false }]);
  expect(highlighted("route", [[0, 99]])).toEqual([{ text: "route", found: false }]);
});

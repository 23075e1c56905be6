import { expect, test } from "vitest";
import { stepped } from "./steps";

test("steps are done in their order, and a new list takes the place of the old one", () => {
  const shown = ["a", "b", "c"];
  expect(stepped(shown, [{ remove: 0 }, { insert: [2, "d"] }, { change: [0, "B"] }])).toEqual([
    "B",
    "c",
    "d",
  ]);
  expect(stepped(shown, [{ resync: ["x"] }, { insert: [0, "w"] }])).toEqual(["w", "x"]);
  expect(shown).toEqual(["a", "b", "c"]);
});

test("what did not change stays the object that it was", () => {
  const [a, b] = [{ id: "a" }, { id: "b" }];
  expect(stepped([a, b], [{ remove: 0 }])[0]).toBe(b);
});

import { expect, test, vi } from "vitest";
import { distinct } from "./distinct";

test("of rows with the same name the first is kept, and that is logged", () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const [a, b, again] = [{ id: "a" }, { id: "b" }, { id: "a" }];
  const once = distinct([a, b, again], (row) => row.id);
  expect(once).toHaveLength(2);
  expect(once[0]).toBe(a);
  expect(logged).toHaveBeenCalledOnce();
  logged.mockRestore();
});

test("a list without such rows stays the list that it was", () => {
  const rows = ["a", "b"];
  expect(distinct(rows, (row) => row)).toBe(rows);
});

import { expect, test } from "vitest";
import { size } from "./size";

test("a size has three figures and the unit that fits", () => {
  expect([0, 1, 999, 1000, 1024, 9_994, 20_480].map(size)).toEqual([
    "0 B",
    "1 B",
    "999 B",
    "1.00 kB",
    "1.02 kB",
    "9.99 kB",
    "20.5 kB",
  ]);
  expect([999_499, 999_500, 3_000_000, 1_073_741_824, 5e15].map(size)).toEqual([
    "999 kB",
    "1.00 MB",
    "3.00 MB",
    "1.07 GB",
    "5000 TB",
  ]);
});

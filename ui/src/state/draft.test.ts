import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DraftKeeper } from "./draft";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a draft is saved once, a moment after the last keystroke", async () => {
  const saved: string[] = [];
  const keeper = new DraftKeeper(async (place, text) => void saved.push(`${place}:${text}`));
  keeper.typed("a", "h");
  await vi.advanceTimersByTimeAsync(100);
  keeper.typed("a", "hi");
  await vi.advanceTimersByTimeAsync(100);
  expect(saved).toEqual([]);
  await vi.advanceTimersByTimeAsync(60);
  expect(saved).toEqual(["a:hi"]);
});

test("turning to another channel saves the first one's draft at once", async () => {
  const saved: string[] = [];
  const keeper = new DraftKeeper(async (place, text) => void saved.push(`${place}:${text}`));
  keeper.typed("a", "one");
  keeper.typed("b", "two");
  expect(saved).toEqual(["a:one"]);
  await keeper.flush();
  expect(saved).toEqual(["a:one", "b:two"]);
});

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

test("a flush waits for the one before it, and saves what was typed meanwhile", async () => {
  const saved: string[] = [];
  let finish: () => void = () => undefined;
  const keeper = new DraftKeeper(async (_, text) => {
    await new Promise<void>((done) => (finish = done));
    saved.push(text);
  });
  keeper.typed("a", "one");
  const first = keeper.flush();
  keeper.typed("a", "two");
  let over = false;
  const second = keeper.flush().then(() => (over = true));
  await vi.advanceTimersByTimeAsync(500);
  expect([saved, over]).toEqual([[], false]);
  finish();
  await first;
  await vi.advanceTimersByTimeAsync(0);
  finish();
  await second;
  expect(saved).toEqual(["one", "two"]);
});

test("what could not be saved waits, unless newer text does", async () => {
  let broken = true;
  const saved: string[] = [];
  const keeper = new DraftKeeper(async (place, text) => {
    if (broken) throw new Error("full");
    saved.push(`${place}:${text}`);
  });
  keeper.typed("a", "one");
  await expect(keeper.flush()).rejects.toThrow("full");
  expect(keeper.unsaved("a")).toBe("one");
  keeper.typed("b", "two");
  await vi.advanceTimersByTimeAsync(500);
  keeper.typed("a", "newer");
  await vi.advanceTimersByTimeAsync(500);
  broken = false;
  await keeper.flush();
  expect(saved.sort()).toEqual(["a:newer", "b:two"]);
});

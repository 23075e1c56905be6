import { expect, test } from "vitest";
import { DraftKeeper } from "./draft";

/** A place to save to, whose answers come when the test lets them. */
function slow() {
  const saved: string[] = [];
  const finish: (() => void)[] = [];
  const keeper = new DraftKeeper(async (place, text) => {
    await new Promise<void>((done) => finish.push(done));
    saved.push(`${place}:${text}`);
  });
  const next = async () => {
    finish.shift()?.();
    await new Promise((done) => setTimeout(done));
  };
  return { saved, keeper, next, under: () => finish.length };
}

test("a keystroke is saved at once, and while that lasts only the newest text waits", async () => {
  const { saved, keeper, next, under } = slow();
  for (const text of ["h", "he", "hel", "hell"]) keeper.typed("a", text);
  expect(under()).toBe(1);
  await next();
  await next();
  expect([saved, under()]).toEqual([["a:h", "a:hell"], 0]);
  keeper.typed("a", "hello");
  await next();
  expect(saved.at(-1)).toBe("a:hello");
});

test("places are saved in the order in which they were typed at", async () => {
  const { saved, keeper, next } = slow();
  keeper.typed("a", "one");
  keeper.typed("b", "two");
  const flushed = keeper.flush();
  await next();
  await next();
  await flushed;
  expect(saved).toEqual(["a:one", "b:two"]);
});

test("a flush waits for what is under way, and saves what was typed meanwhile", async () => {
  const { saved, keeper, next } = slow();
  keeper.typed("a", "one");
  keeper.typed("a", "two");
  let over = false;
  const flushed = keeper.flush().then(() => (over = true));
  await next();
  expect(over).toBe(false);
  await next();
  await flushed;
  expect(saved).toEqual(["a:one", "a:two"]);
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
  keeper.typed("a", "newer");
  await expect(keeper.flush()).rejects.toThrow("full");
  broken = false;
  await keeper.flush();
  expect(saved.sort()).toEqual(["a:newer", "b:two"]);
});

import { expect, test, vi } from "vitest";
import type { HitView } from "../api";
import { asking } from "../api/asking";
import { fake, messageOf, settle } from "./fake";
import { PAUSE, Search } from "./search.svelte";

const hit = (id: string, at: number): HitView =>
  ({ message: messageOf(id, at, { at }), channel_name: "general", highlights: [] }) as HitView;

function device(found: () => HitView[], partial = false, relevance = false) {
  return asking(new Set(), async () => ({ rows: found(), about: { partial, asked: false, relevance } }));
}

test("nothing is shown before something was typed, nor after it was taken away", async () => {
  fake({ watchSearch: device(() => [hit("m1", 1)]) });
  const search = new Search("w");
  expect(search.hits).toBe(null);
  await search.typed("mo");
  expect(search.hits?.map((one) => one.message.id)).toEqual(["m1"]);
  await search.typed(" ");
  expect(search.hits).toBe(null);
});

test("where this device has only a part, the server looks a moment after the last key", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const asked: string[] = [];
  fake({
    watchSearch: device(() => [hit("m2", 2)], true),
    find: async (_, typed) => {
      asked.push(typed);
      return { hits: [hit("m3", 3), hit("m2", 2), hit("m1", 1)], partial: false, asked: true };
    },
  });
  const search = new Search("w");
  await search.typed("mo");
  await search.typed("more");
  expect(search.partial).toBe(true);
  vi.advanceTimersByTime(PAUSE);
  vi.useRealTimers();
  await settle();
  expect([asked, search.hits?.map((one) => one.message.id), search.partial]).toEqual([
    ["more"],
    ["m3", "m2", "m1"],
    false,
  ]);
  search.end();
});

test("a filter that fits nothing is said, and what was found before stays", async () => {
  const watch = device(() => [hit("m1", 1)]);
  fake({
    watchSearch: async (query) => ({
      ...(await watch(query)),
      turn: () => Promise.reject({ what: "no such channel", why: "none", do: "" }),
    }),
  });
  const search = new Search("w");
  await search.typed("mo");
  await search.typed("in:nowhere");
  expect([search.problem, search.hits?.length]).toEqual(["no such channel: none", 1]);
});

test("what this device found, and finds no longer, is not shown as the server's", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const changes = new Set<() => void>();
  let here = [hit("m2", 2)];
  fake({
    watchSearch: asking(changes, async () => ({
      rows: here,
      about: { partial: true, asked: false, relevance: false },
    })),
    find: async () => ({ hits: [hit("m2", 2), hit("m1", 1)], partial: false, asked: true }),
  });
  const search = new Search("w");
  await search.typed("more");
  vi.advanceTimersByTime(PAUSE);
  vi.useRealTimers();
  await settle();
  here = [];
  changes.forEach((tell) => tell());
  await settle();
  expect(search.hits?.map((one) => one.message.id)).toEqual(["m1"]);
  search.end();
});

test("where the server did not look at all of them either, that stays said", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const changes = new Set<() => void>();
  fake({
    watchSearch: asking(changes, async () => ({
      rows: [hit("m2", 2)],
      about: { partial: true, asked: false, relevance: false },
    })),
    find: async () => ({ hits: [hit("m1", 1)], partial: true, asked: true }),
  });
  const search = new Search("w");
  await search.typed("more");
  vi.advanceTimersByTime(PAUSE);
  vi.useRealTimers();
  await settle();
  changes.forEach((tell) => tell());
  await settle();
  expect([search.hits?.map((one) => one.message.id), search.partial]).toEqual([["m2", "m1"], true]);
  search.end();
});

test("the fittest first stay first, and what only the server found follows", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  fake({
    watchSearch: device(() => [hit("m1", 1), hit("m3", 3)], true, true),
    find: async () => ({ hits: [hit("m1", 1), hit("m3", 3), hit("m2", 2)], partial: false, asked: true }),
  });
  const search = new Search("w");
  await search.typed("mo order:relevance");
  vi.advanceTimersByTime(PAUSE);
  vi.useRealTimers();
  await settle();
  expect(search.hits?.map((one) => one.message.id)).toEqual(["m1", "m3", "m2"]);
  search.end();
});

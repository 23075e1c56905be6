import { expect, test, vi } from "vitest";
import type { Told, Watcher } from "../api";
import { Later, settle } from "./fake";
import { Watching } from "./watching";

const itself = (row: string): string => row;

type Answer = Told<string, number> | null;

/** A backend that answers when the test lets it, and remembers what it was asked. */
function backend() {
  const asked: string[] = [];
  const answers: Later<Answer>[] = [];
  const watch: Watcher<string, string, number> = async (query) => {
    asked.push(query);
    return {
      next: () => {
        const answer = new Later<Answer>();
        answers.push(answer);
        return answer.answer;
      },
      turn: async (to, turn) => void asked.push(`${to} ${turn}`),
      end: async () => void asked.push("end"),
    };
  };
  const tell = async (turn: number, ...rows: Told<string, number>["changed"]["rows"]) => {
    answers.shift()?.give({ turn, changed: { rows, about: turn } });
    await settle();
  };
  return { asked, answers, watch, tell };
}

test("steps lead from what was shown to what is, one answer after the other", async () => {
  const { watch, tell } = backend();
  const shown: [string[], number][] = [];
  const watching = new Watching(watch, itself, (rows, about) => shown.push([rows, about]));
  const looked = watching.look("first");
  await settle();
  await tell(0, { resync: ["a", "b"] });
  await looked;
  await tell(0, { remove: 0 }, { insert: [1, "c"] });
  expect(shown).toEqual([
    [["a", "b"], 0],
    [["b", "c"], 0],
  ]);
});

test("whoever turns waits for the answer to that, or to what was asked after it", async () => {
  const { asked, watch, tell } = backend();
  const watching = new Watching(watch, itself, () => undefined);
  void watching.look("first");
  await settle();
  const done: string[] = [];
  void watching.look("second").then(() => done.push("second"));
  void watching.look("third").then(() => done.push("third"));
  await settle();
  await tell(0, { resync: [] });
  expect(done).toEqual([]);
  await tell(2);
  expect([done, asked]).toEqual([
    ["second", "third"],
    ["first", "second 1", "third 2"],
  ]);
});

test("a look that fails is told to whoever waits for it, and what was shown stays", async () => {
  const { answers, watch, tell } = backend();
  let shown: string[] = [];
  const watching = new Watching(watch, itself, (rows) => (shown = rows));
  const looked = watching.look("first");
  await settle();
  await tell(0, { resync: ["a"] });
  await looked;
  const again = watching.look("second");
  answers.shift()?.refuse(new Error("the disk is full"));
  await expect(again).rejects.toThrow("the disk is full");
  expect(shown).toEqual(["a"]);
});

test("what is over tells nothing more, and nobody waits for it", async () => {
  const { asked, watch, tell } = backend();
  const shown: string[][] = [];
  const watching = new Watching(watch, itself, (rows) => shown.push(rows));
  const looked = watching.look("first");
  await settle();
  watching.end();
  await looked;
  await tell(0, { resync: ["a"] });
  expect([shown, asked]).toEqual([[], ["first", "end"]]);
});

test("a row that comes twice is shown once, and later steps still meet the rows they are meant for", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { watch, tell } = backend();
  let shown: string[] = [];
  const watching = new Watching(watch, itself, (rows) => (shown = rows));
  void watching.look("first");
  await settle();
  await tell(0, { resync: ["a", "a", "b"] });
  expect(shown).toEqual(["a", "b"]);
  await tell(0, { change: [2, "c"] });
  expect(shown).toEqual(["a", "c"]);
  await tell(0, { remove: 0 });
  expect(shown).toEqual(["a", "c"]);
  expect(logged).toHaveBeenCalledTimes(2);
  logged.mockRestore();
});

import { expect, test } from "vitest";
import type { MessageView } from "../api";
import { entries, hue, initials } from "./timeline";

let count = 0;
function message(author: string, at: number, seq: number | null, mine = false): MessageView {
  count += 1;
  return {
    workspace: "acme",
    channel: "c",
    seq,
    id: `m${count}`,
    author: { id: author, name: author, imported: false, rank: null },
    at,
    text: "hello",
    edited: false,
    deleted: false,
    thread: null,
    reactions: [],
    replies: 0,
    last_reply: null,
    pinned: null,
    poll: null,
    files: [],
    state: seq === null ? "pending" : "sent",
    mine,
    failure: null,
  } as MessageView;
}

const noon = new Date(2026, 10, 24, 12).getTime();
const minute = 60_000;

test("one author within five minutes is one group, and another author begins a new one", () => {
  const shown = entries(
    [
      message("a", noon, 1),
      message("a", noon + minute, 2),
      message("b", noon + 2 * minute, 3),
      message("a", noon + 3 * minute, 4),
      message("a", noon + 9 * minute, 5),
    ],
    9,
  );
  expect(shown.map((entry) => (entry.kind === "message" ? entry.first : entry.kind))).toEqual([
    "day",
    true,
    false,
    true,
    true,
    true,
  ]);
});

test("a new day gets its line", () => {
  const shown = entries([message("a", noon, 1), message("a", noon + 24 * 60 * minute, 2)], 9);
  expect(shown.map((entry) => entry.kind)).toEqual(["day", "message", "day", "message"]);
});

test("the line stands once, at the first unread message of somebody else", () => {
  const shown = entries(
    [message("a", noon, 1), message("me", noon, 2, true), message("a", noon, 3), message("a", noon, 4)],
    1,
  );
  expect(shown.map((entry) => entry.kind)).toEqual([
    "day",
    "message",
    "message",
    "new",
    "message",
    "message",
  ]);
});

test("people have initials and a colour of their own", () => {
  expect(initials("Inês Duarte")).toBe("ID");
  expect(initials("olu")).toBe("OL");
  expect(hue("someone")).toBe(hue("someone"));
});

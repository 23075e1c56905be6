import { expect, test } from "vitest";
import { fold } from "./events";

test("what happens anywhere changes the rail", () => {
  expect(fold([{ event: "channels", workspace: "x" }], "w", "c")).toEqual({
    workspaces: true,
    draft: false,
    thread: false,
  });
});

test("after a resync everything that is not watched is asked again", () => {
  expect(fold([{ event: "resync" }], "w", "c")).toEqual({ workspaces: true, draft: true, thread: "server" });
});

test("a draft that was typed elsewhere matters where its channel is open", () => {
  const event = (channel: string) => ({ event: "draft" as const, workspace: "w", channel, thread: null });
  expect([event("c"), event("d")].map((one) => fold([one], "w", "c").draft)).toEqual([true, false]);
});

test("the server is asked for a thread where something may have been missed", () => {
  const messages = { event: "messages" as const, workspace: "w", channel: "c", from: 3 };
  const connection = (workspace: string) => ({ event: "connection" as const, workspace });
  const thread = (...events: Parameters<typeof fold>[0]) => fold(events, "w", "c", "c").thread;
  expect([thread(messages, connection("w"), messages), thread(messages, connection("x"))]).toEqual([
    "server",
    "here",
  ]);
  expect(fold([connection("w")], "w", "c").thread).toBe(false);
});

test("a thread is asked for again when messages or drafts of its channel changed, and only it by its own draft", () => {
  const draft = { event: "draft" as const, workspace: "w", channel: "c", thread: "m" };
  const messages = { event: "messages" as const, workspace: "w", channel: "c", from: 3 };
  const told = [draft, messages, { ...messages, channel: "d" }].map((one) => fold([one], "w", "c", "c"));
  expect(told.map((one) => [one.draft, one.thread])).toEqual([
    [false, "here"],
    [false, "here"],
    [false, false],
  ]);
});

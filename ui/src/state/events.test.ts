import { expect, test } from "vitest";
import { fold } from "./events";

test("messages of the channel in view make its timeline stale, those of others only the sidebar", () => {
  const event = (channel: string) => ({ event: "messages" as const, workspace: "w", channel, from: 1 });
  expect(fold([event("other")], "w", "c")).toMatchObject({
    workspaces: true,
    channels: true,
    timeline: false,
  });
  expect(fold([event("other"), event("c")], "w", "c").timeline).toBe(true);
});

test("another workspace changes only the rail", () => {
  expect(fold([{ event: "channels", workspace: "x" }], "w", "c")).toEqual({
    workspaces: true,
    channels: false,
    timeline: false,
    draft: false,
  });
});

test("after a resync everything shown is asked again", () => {
  expect(fold([{ event: "resync" }], "w", "c")).toEqual({
    workspaces: true,
    channels: true,
    timeline: true,
    draft: true,
  });
});

test("a draft that was typed elsewhere matters where its channel is open", () => {
  const event = (channel: string) => ({ event: "draft" as const, workspace: "w", channel });
  expect([event("c"), event("d")].map((one) => fold([one], "w", "c").draft)).toEqual([true, false]);
});

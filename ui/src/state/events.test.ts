import { expect, test } from "vitest";
import { fold } from "./events";

test("what happens anywhere changes the rail", () => {
  expect(fold([{ event: "channels", workspace: "x" }], "w", "c")).toEqual({ workspaces: true, draft: false });
});

test("after a resync everything that is not watched is asked again", () => {
  expect(fold([{ event: "resync" }], "w", "c")).toEqual({ workspaces: true, draft: true });
});

test("a draft that was typed elsewhere matters where its channel is open", () => {
  const event = (channel: string) => ({ event: "draft" as const, workspace: "w", channel });
  expect([event("c"), event("d")].map((one) => fold([one], "w", "c").draft)).toEqual([true, false]);
});

import { flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import type { ChannelView, ClientEvent, WorkspaceView } from "../api";
import { app } from "../state/app.svelte";
import { fake, page } from "../state/fake";
import RebuildBar from "./RebuildBar.svelte";

test("a workspace that is being rebuilt says so, how much is still to come, and offers to do without the old copy", async () => {
  let rebuilding: number | null = 12;
  const gone: string[] = [];
  fake({
    workspaces: async () => [
      { id: "one", name: "one", connection: { state: "online" }, rebuilding } as WorkspaceView,
    ],
    timeline: async () => page(),
    channels: async () => [] as ChannelView[],
    nextEvents: () => new Promise<ClientEvent[]>(() => undefined),
    letDamagedGo: async (id) => {
      gone.push(id);
      rebuilding = null;
      return true;
    },
  });
  await app.start();
  const bar = mount(RebuildBar, { target: document.body });
  flushSync();
  const said = () => document.querySelector("[data-testid=rebuilding]")?.textContent ?? "";
  expect(said()).toContain("12");
  document.querySelector<HTMLButtonElement>("[data-testid=let-go]")?.click();
  await expect.poll(said).toBe("");
  expect(gone).toEqual(["one"]);
  await unmount(bar);
});

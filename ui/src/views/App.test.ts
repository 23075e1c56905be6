import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ChannelView, ClientEvent, MessageView, WorkspaceView } from "../api";
import { App as State, app } from "../state/app.svelte";
import { channelOf, fake, messageOf, page, settle, type Page } from "../state/fake";
import AppView from "./App.svelte";

let logged = vi.spyOn(console, "error");
let shown: ReturnType<typeof mount> | undefined;

beforeEach(() => {
  // What this stand-in of a browser lacks.
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
  logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  app.room?.end();
  [app.screen, app.room, app.workspaces] = ["opening", null, []];
});
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = undefined;
  document.body.replaceChildren();
  logged.mockRestore();
  vi.unstubAllGlobals();
});

const person = { id: "ana", name: "Ana" };
const whole = (id: string, seq: number): MessageView =>
  messageOf(id, seq, {
    author: person,
    reactions: [],
    files: [],
    replies: 0,
    deleted: false,
  } as unknown as Partial<MessageView>);

async function open(
  channels: ChannelView[],
  rows: MessageView[],
  name: string | undefined = "one",
): Promise<void> {
  fake({
    workspaces: async () =>
      [{ id: "one", name, me: person, connection: { state: "online" }, rebuilding: null }] as WorkspaceView[],
    timeline: async (): Promise<Page> => page(...rows),
    channels: async () => channels,
    nextEvents: () => new Promise<ClientEvent[]>(() => undefined),
    painted: async () => undefined,
  });
  shown = mount(AppView, { target: document.body });
  for (let turn = 0; turn < 5; turn += 1) {
    await settle();
    await tick();
  }
  flushSync();
}

const there = (testid: string): Element[] => [...document.querySelectorAll(`[data-testid=${testid}]`)];

test("a message that comes twice is shown once, and keeps nobody at the first screen", async () => {
  await open([channelOf("c")], [whole("m", 1), whole("m", 1), whole("n", 2)]);
  expect(there("message").map((row) => (row as HTMLElement).dataset.id)).toEqual(["m", "n"]);
  expect(there("broken")).toEqual([]);
});

test("messages that cannot be shown say so, and the rest of the window works", async () => {
  await open([channelOf("c")], [messageOf("m", 1)]);
  expect(there("broken")).toHaveLength(1);
  expect(there("composer")).toHaveLength(1);
});

test("a window that cannot be shown says so and offers to try again, once what was typed is saved", async () => {
  const saved: string[] = [];
  await open([channelOf("c")], [whole("m", 1)], null as unknown as string);
  expect(there("broken")).toHaveLength(1);
  expect(there("broken-why")[0]?.textContent).toContain("null");
  const again = vi.spyOn(app, "again").mockImplementation(async (sure) => {
    saved.push(String(sure));
    return sure ? null : "the disk is full";
  });
  there("broken-again")[0]?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await settle();
  flushSync();
  expect(document.body.textContent).toContain("the disk is full");
  there("broken-again")[0]?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await settle();
  expect(saved).toEqual(["false", "true"]);
  again.mockRestore();
});

test("what nobody waited for and failed is said, and leaves nobody at the first screen", async () => {
  await open([channelOf("c")], [whole("m", 1)]);
  dispatchEvent(new ErrorEvent("error", { error: new Error("it stumbled") }));
  flushSync();
  expect(document.querySelector("[role=alert]")?.textContent).toContain("it stumbled");
  const other = new State();
  other.stumbled(new Error("it stumbled"));
  expect([other.screen, other.key]).toEqual(["key", "failed"]);
});

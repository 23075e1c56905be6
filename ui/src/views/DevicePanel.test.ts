// What the panel of this device does to the ways into the profile, and to all that is kept.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test } from "vitest";
import type { Api, WaysView } from "../api";
import { fake, settle } from "../state/fake";
import DevicePanel from "./DevicePanel.svelte";

let shown: Record<string, unknown> | undefined;

afterEach(() => shown && unmount(shown));

async function panel(replaced: Partial<Api>): Promise<void> {
  fake(replaced);
  shown = mount(DevicePanel, { target: document.body });
  await settle();
  flushSync();
}

async function click(id: string): Promise<void> {
  (document.querySelector(`[data-testid='${id}']`) as HTMLButtonElement).click();
  await settle();
  flushSync();
}

function type(id: string, text: string): void {
  const input = document.querySelector(`[data-testid='${id}']`) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

test("the way into the profile moves to a passphrase and back to secure storage", async () => {
  const done: string[] = [];
  let ways: WaysView = { backend: "secret-service", passphrase: false, recovery: false };
  await panel({
    ways: async () => ways,
    setPassphrase: async () => void done.push("a second passphrase"),
    moveToPassphrase: async (passphrase) => {
      done.push(passphrase);
      ways = { backend: "passphrase", passphrase: true, recovery: false };
    },
    moveToSecureStorage: async () => {
      done.push("secure storage");
      ways = { backend: "secret-service", passphrase: false, recovery: false };
    },
  });
  await click("move-to-passphrase");
  type("new-passphrase", "too short");
  await click("set-passphrase");
  expect(done).toEqual([]);
  type("new-passphrase", "a quiet afternoon");
  await click("set-passphrase");
  expect(done).toEqual(["a quiet afternoon"]);
  await click("move-to-store");
  expect(done).toEqual(["a quiet afternoon", "secure storage"]);
  expect(document.querySelector("[data-testid=move-to-passphrase]")).not.toBeNull();
});

test("everything is removed only after it was said how much is lost", async () => {
  let [drafts, wiped] = [1, 0];
  await panel({ unsent: async () => ({ messages: 0, drafts }), wipe: async () => void (wiped += 1) });
  // Typed after the panel was opened.
  drafts = 3;
  await click("wipe");
  expect(document.querySelector("[role=alertdialog]")?.textContent).toContain("drafts (3)");
  expect(wiped).toBe(0);
  await click("wipe-yes");
  expect(wiped).toBe(1);
});

// The screen of each state of the key, as it is shown.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ErrorReport, KeyState, ProfileState } from "../api";
import { fake, settle } from "../state/fake";
import { app } from "../state/app.svelte";
import KeyScreen from "./KeyScreen.svelte";

let shown: Record<string, unknown>;

beforeEach(() => {
  shown = mount(KeyScreen, { target: document.body });
});
afterEach(() => unmount(shown));

const field = (id: string) => document.querySelector<HTMLInputElement>(`[data-testid='${id}']`);

function type(id: string, text: string): void {
  const input = field(id) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

async function click(id: string): Promise<void> {
  (document.querySelector(`[data-testid='${id}']`) as HTMLButtonElement).click();
  await settle();
  flushSync();
}

const detail = (error: string): ErrorReport => ({
  error,
  code: 20,
  what: "",
  why: "so it is",
  do: "",
  seconds: null,
});

/** The screen of a state, of a profile with these ways in. */
async function stands(state: KeyState, error: string, passphrase: boolean, recovery: boolean): Promise<void> {
  const answer: ProfileState = { state, passphrase, recovery, detail: detail(error) };
  fake({ profileState: async () => answer, unlock: async () => answer });
  await app.start();
  flushSync();
}

const SHUT: [KeyState, string][] = [
  ["no_backend", "no_backend"],
  ["locked", "locked"],
  ["dismissed", "dismissed"],
  ["unreachable", "unreachable"],
  ["missing", "key_missing"],
  ["wrong", "wrong_key"],
];

test.each(SHUT)("in the state %s the ways in there are can be used, and no others", async (state, error) => {
  for (const [passphrase, recovery] of [
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    await stands(state, error, passphrase, recovery);
    expect(document.querySelector("[data-key-state]")?.getAttribute("data-key-state")).toBe(state);
    expect([field("passphrase") !== null, field("recovery-code") !== null]).toEqual([passphrase, recovery]);
    expect(document.querySelector("[data-testid=try-again]")).not.toBeNull();
  }
});

test("without secure storage a recovery code wants a passphrase, and with it none", async () => {
  const given: (string | null)[] = [];
  const restores = (state: KeyState, error: string) => {
    const answer: ProfileState = { state, passphrase: false, recovery: true, detail: detail(error) };
    fake({
      profileState: async () => answer,
      restoreWithCode: async (_, passphrase) => void given.push(passphrase),
    });
    return app.start().then(() => flushSync());
  };
  await restores("no_backend", "no_backend");
  type("recovery-code", "QFTV-2KXM");
  type("restore-passphrase", "too short");
  await click("restore");
  expect(given).toEqual([]);
  type("restore-passphrase", "a quiet afternoon");
  await click("restore");
  await restores("missing", "key_missing");
  expect(field("restore-passphrase")).toBeNull();
  await click("restore");
  expect(given).toEqual(["a quiet afternoon", null]);
});

test("files are set aside only after it was said what stays in them", async () => {
  let aside = 0;
  const answer: ProfileState = {
    state: "missing",
    passphrase: false,
    recovery: false,
    detail: detail("key_missing"),
  };
  fake({ profileState: async () => answer, setAside: async () => ((aside += 1), "/old") });
  await app.start();
  flushSync();
  await click("set-aside");
  expect(aside).toBe(0);
  expect(document.querySelector("[role=alertdialog]")?.textContent).toContain("not sent");
  await click("set-aside-yes");
  expect(aside).toBe(1);
});

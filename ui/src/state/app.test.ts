import { expect, test } from "vitest";
import type { ChannelView, ClientEvent, ProfileState, WorkspaceView } from "../api";
import { App } from "./app.svelte";
import { channelOf, fake, Later, messageOf, page, settle } from "./fake";

const workspace = (id: string) => ({ id, name: id, connection: { state: "online" } }) as WorkspaceView;
const workspaces = async () => [workspace("one"), workspace("two")];
const timeline = async () => page();
const nextEvents = () => new Promise<ClientEvent[]>(() => undefined);

test("of two workspaces that are being entered the last one chosen is shown", async () => {
  const slow = new Later<ChannelView[]>();
  fake({ workspaces, timeline, nextEvents, channels: async (id) => (id === "two" ? slow.answer : []) });
  const app = new App();
  await app.start();
  const two = app.enter("two");
  await app.enter("one");
  slow.give([]);
  await two;
  expect(app.room?.workspace).toBe("one");
});

test("a workspace that was left is not followed any longer", async () => {
  const asked: string[] = [];
  const changed = fake({
    workspaces,
    timeline,
    nextEvents,
    channels: async (id) => (asked.push(id), []),
  });
  const app = new App();
  await app.start();
  await app.enter("two");
  asked.length = 0;
  changed();
  await settle();
  expect(asked).toEqual(["two"]);
});

test("a profile that was closed and is open again is followed anew", async () => {
  const closed = new Later<ClientEvent[]>();
  const answers = [closed.answer];
  fake({ workspaces, timeline, channels: async () => [], nextEvents: () => answers.shift() ?? nextEvents() });
  const app = new App();
  await app.start();
  const room = app.room;
  closed.give([]);
  await settle();
  await settle();
  expect(app.room?.workspace).toBe("one");
  expect(app.room).not.toBe(room);
});

test("a workspace that cannot be entered leaves the present one, with the reason", async () => {
  const why = { what: "broken", why: "it is", do: "" };
  fake({
    workspaces,
    timeline,
    nextEvents,
    channels: (id) => (id === "two" ? Promise.reject(why) : Promise.resolve([])),
  });
  const app = new App();
  await app.start();
  await app.choose("two");
  expect([app.room?.workspace, app.room?.problem]).toEqual(["one", "broken: it is"]);
});

test("a private channel that was lost is left, and not asked for again", async () => {
  let lost = false;
  const gone = { what: "no such channel", why: "it is gone", do: "", code: 12 };
  const changed = fake({
    workspaces,
    nextEvents,
    channels: async () => (lost ? [channelOf("b")] : [channelOf("a"), channelOf("b")]),
    timeline: ({ channel }) => (lost && channel === "a" ? Promise.reject(gone) : Promise.resolve(page())),
  });
  const app = new App();
  await app.start();
  expect(app.room?.channel?.id).toBe("a");
  lost = true;
  changed();
  await settle();
  await settle();
  expect([app.room?.channel?.id, app.room?.problem]).toEqual(["b", null]);
});

test("a passphrase is offered only to a profile that does not exist yet", async () => {
  const why = { error: "no_backend", what: "no secure storage", why: "none", do: "", code: 20 };
  const answer = (state: "absent" | "no_backend") => async () => ({ state, passphrase: false, detail: null });
  fake({ profileState: answer("absent"), createProfile: () => Promise.reject(why) });
  const app = new App();
  await app.start();
  expect([app.key, app.creating]).toEqual(["no_backend", true]);
  fake({ profileState: answer("no_backend") });
  const other = new App();
  await other.start();
  expect([other.key, other.creating]).toEqual(["no_backend", false]);
});

test("a key screen says why, and that somebody closed the question is another screen than a lock", async () => {
  const detail = (error: string, why: string) => ({ error, code: 21, what: "", why, do: "", seconds: null });
  const answer = (state: "locked" | "dismissed", why: string) => async () => ({
    state,
    passphrase: false,
    detail: detail(state, why),
  });
  fake({
    profileState: answer("dismissed", "its question was closed"),
    unlock: answer("locked", "it asked nobody"),
  });
  const app = new App();
  await app.start();
  expect([app.key, app.reason, app.problem]).toEqual(["dismissed", "its question was closed", null]);
  await app.unlock(null);
  expect([app.key, app.reason]).toEqual(["locked", "it asked nobody"]);
});

test("a repair that needs the passphrase asks for it, and passes it on", async () => {
  const given: (string | null)[] = [];
  fake({
    workspaces,
    timeline,
    nextEvents,
    channels: async () => [],
    repair: async (passphrase) => {
      given.push(passphrase);
      if (passphrase === null)
        throw { error: "locked", what: "locked", why: "no passphrase", do: "", code: 21 };
    },
  });
  const app = new App();
  await app.repair(null);
  expect(app.repairAsks).toBe(true);
  await app.repair("correct horse");
  expect([given, app.screen]).toEqual([[null, "correct horse"], "workspace"]);
});

test("while the profile is being closed nothing of it is shown, and nothing can be typed", async () => {
  const closed = new Later<ClientEvent[]>();
  const standing = new Later<ProfileState>();
  const ready: ProfileState = { state: "ready", passphrase: false, detail: null };
  const [answers, states] = [[closed.answer], [Promise.resolve(ready), standing.answer]];
  fake({
    workspaces,
    timeline,
    channels: async () => [],
    nextEvents: () => answers.shift() ?? nextEvents(),
    profileState: () => states.shift() ?? Promise.resolve(ready),
  });
  const app = new App();
  await app.start();
  expect(app.screen).toBe("workspace");
  closed.give([]);
  await settle();
  expect(app.screen).toBe("opening");
  standing.give(ready);
  await settle();
  await settle();
  expect(app.screen).toBe("workspace");
});

test("what could not be saved is kept across workspaces, and lost by a lock only on purpose", async () => {
  let [full, locks] = [true, 0];
  const saved: string[] = [];
  fake({
    workspaces,
    timeline,
    nextEvents,
    channels: async () => [channelOf("a")],
    lock: async () => void (locks += 1),
    saveDraft: async (workspace, channel, _, text) => {
      if (full) throw { what: "the disk is full", why: "no room", do: "" };
      saved.push(`${workspace} ${channel} ${text}`);
    },
  });
  const app = new App();
  await app.start();
  app.room?.typed("hello");
  await app.enter("two");
  await app.lock();
  expect([locks, app.room?.problem]).toEqual([0, expect.stringContaining("the disk is full")]);
  await app.enter("one");
  expect(app.room?.draft).toBe("hello");
  await app.lock();
  expect(locks).toBe(1);
  full = false;
  await app.leave();
  expect(saved).toEqual(["one a hello"]);
});

test("a passphrase that is mistyped where secure storage does not open leaves its screen, with the reason", async () => {
  const detail = (error: string, why: string) => ({
    error,
    code: 20,
    what: error,
    why,
    do: "",
    seconds: null,
  });
  const given: (string | null)[] = [];
  fake({
    workspaces,
    timeline,
    nextEvents,
    channels: async () => [],
    profileState: async () => ({
      state: "no_backend",
      passphrase: true,
      recovery: true,
      detail: detail("no_backend", "none runs"),
    }),
    unlock: async (passphrase) => {
      given.push(passphrase);
      return passphrase === "a quiet afternoon"
        ? { state: "ready", passphrase: true, recovery: true, detail: null }
        : {
            state: "wrong",
            passphrase: true,
            recovery: true,
            detail: detail("wrong_key", "it opens no slot"),
          };
    },
  });
  const app = new App();
  await app.start();
  expect([app.key, app.hasPassphrase, app.hasRecovery]).toEqual(["no_backend", true, true]);
  await app.unlock("a quiet aftermoon");
  expect([app.key, app.reason, app.problem?.why]).toEqual(["no_backend", "none runs", "it opens no slot"]);
  await app.unlock("a quiet afternoon");
  expect([given.length, app.screen]).toEqual([2, "workspace"]);
});

test("a window whose drafts cannot be saved stays open with the reason, and closes when it is closed again", async () => {
  const done: string[] = [];
  fake({
    workspaces,
    timeline,
    nextEvents,
    channels: async () => [channelOf("a")],
    left: async () => void done.push("left"),
    stay: async () => void done.push("stay"),
    saveDraft: () => Promise.reject({ what: "the disk is full", why: "no room", do: "" }),
  });
  const app = new App();
  await app.start();
  app.room?.typed("hello");
  await app.leave();
  expect([done, app.room?.problem]).toEqual([["stay"], expect.stringContaining("the disk is full")]);
  await app.leave();
  expect(done).toEqual(["stay", "left"]);
});

test("a cache that is being rebuilt concerns its own workspace, and everything goes on", async () => {
  const hurt = (id: string) => ({ ...workspace(id), rebuilding: id === "one" ? 12 : null });
  const events = new Later<ClientEvent[]>();
  const answers = [events.answer];
  let gone = false;
  fake({
    workspaces: async () => (gone ? workspaces() : [hurt("one"), hurt("two")]),
    timeline,
    channels: async () => [channelOf("a")],
    nextEvents: () => answers.shift() ?? nextEvents(),
    letDamagedGo: async () => (gone = true),
  });
  const app = new App();
  await app.start();
  events.give([{ event: "connection", workspace: "one" }]);
  await settle();
  expect([app.screen, app.room?.workspace, app.workspace?.rebuilding]).toEqual(["workspace", "one", 12]);
  await app.enter("two");
  expect([app.screen, app.workspace?.rebuilding]).toEqual(["workspace", null]);
  await app.enter("one");
  await app.letDamagedGo("one");
  expect([app.screen, app.workspace?.rebuilding ?? null]).toEqual(["workspace", null]);
});

test("damage of what exists on this device only has its screen, with the reason", async () => {
  const events = new Later<ClientEvent[]>();
  const answers = [events.answer];
  fake({ workspaces, timeline, channels: async () => [], nextEvents: () => answers.shift() ?? nextEvents() });
  const app = new App();
  await app.start();
  events.give([{ event: "damaged", file: "local.db", why: "a page does not open" }]);
  await settle();
  expect([app.screen, app.key, app.problem?.what]).toEqual(["key", "corrupt", "local.db"]);
});

test("a page that begins anew says first that a change to a message is lost with it", async () => {
  const message = messageOf("m", 1, { text: "as it was", mine: true });
  fake({
    workspaces,
    timeline: async () => page(message),
    nextEvents,
    channels: async () => [channelOf("a")],
  });
  const app = new App();
  await app.start();
  const room = app.room!;
  room.startEditing(message);
  expect(room.changing).toBe(false);
  room.typed("as it should be");
  expect(await app.again(false)).toContain("not sent");
});

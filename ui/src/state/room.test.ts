import { expect, test } from "vitest";
import type { MessageView, TimelineQuery } from "../api";
import { channelOf, draftOf, fake, Later, messageOf, page, settle, type Page } from "./fake";
import { Room } from "./room.svelte";

const [a, b] = [channelOf("a"), channelOf("b")];
const pages: Record<string, Page> = { a: page(messageOf("a1", 1)), b: page(messageOf("b1", 1)) };
const timeline = async ({ channel }: TimelineQuery) => pages[channel] as Page;
const channels = async () => [a, b];
const texts = (room: Room) => room.timeline.messages.map((message) => message.id);

test("of two channels that are being opened the last one chosen is shown, whichever comes first", async () => {
  const slow = new Later<Page>();
  fake({
    channels,
    timeline: ({ channel }) => (channel === "a" ? slow.answer : Promise.resolve(pages.b as Page)),
  });
  const room = new Room("w");
  const first = room.open(a);
  await room.open(b);
  slow.give(pages.a as Page);
  await first;
  expect([room.channel?.id, texts(room)]).toEqual(["b", ["b1"]]);
});

test("a refresh does not choose a channel over the one somebody is opening", async () => {
  const slow = new Later<Page>();
  fake({
    channels,
    timeline: ({ channel }) => (channel === "b" ? slow.answer : Promise.resolve(pages.a as Page)),
  });
  const room = new Room("w");
  const opening = room.open(b);
  await room.refreshChannels();
  slow.give(pages.b as Page);
  await opening;
  expect(room.channel?.id).toBe("b");
});

test("what happens in a channel and in the list is followed, and in one that was left it is not", async () => {
  const asked: string[] = [];
  const shown = { a: [messageOf("a1", 1)], b: [messageOf("b1", 1)] } as Record<string, MessageView[]>;
  let list = [a];
  const changed = fake({
    channels: async () => list,
    timeline: async ({ channel }) => (asked.push(channel), page(...(shown[channel] ?? []))),
  });
  const room = new Room("w");
  await room.refreshChannels();
  shown.a?.push(messageOf("a2", 2));
  list = [a, channelOf("b", { unread: 2 })];
  changed();
  await settle();
  expect([texts(room), room.channels.map((one) => one.unread)]).toEqual([
    ["a1", "a2"],
    [0, 2],
  ]);
  await room.open(b);
  asked.length = 0;
  changed();
  await settle();
  expect([texts(room), asked]).toEqual([["b1"], ["b"]]);
});

test("a second Enter sends nothing, and what is typed after the first stays", async () => {
  const sending = new Later<MessageView>();
  const sent: string[] = [];
  const shown = [messageOf("a1", 1)];
  fake({
    channels,
    timeline: async () => page(...shown),
    send: (_, __, text) => (sent.push(text), sending.answer),
  });
  const room = new Room("w");
  await room.open(a);
  room.typed("hello");
  const first = room.send();
  await room.send();
  room.typed("and");
  shown.push(messageOf("a2", null));
  sending.give(messageOf("a2", null));
  await first;
  expect([sent, room.draft, texts(room)]).toEqual([["hello"], "and", ["a1", "a2"]]);
});

test("what was not taken is in the field again, also when somebody went elsewhere and comes back", async () => {
  const sending = new Later<MessageView>();
  fake({ channels, timeline, send: () => sending.answer });
  const room = new Room("w");
  await room.open(a);
  room.typed("hello");
  const first = room.send();
  await room.open(b);
  sending.refuse({ what: "too long", why: "it is", do: "" });
  await first;
  expect([room.channel?.id, room.draft, room.problem]).toEqual(["b", "", "too long: it is"]);
  await room.open(a);
  expect(room.draft).toBe("hello");
});

test("a message that was sent in one channel does not show in another", async () => {
  const sending = new Later<MessageView>();
  fake({ channels, timeline, send: () => sending.answer });
  const room = new Room("w");
  await room.open(a);
  room.typed("hello");
  const first = room.send();
  await room.open(b);
  sending.give(messageOf("a2", null));
  await first;
  expect(texts(room)).toEqual(["b1"]);
});

test("an edit that is saved does not touch what one turned to meanwhile", async () => {
  const saving = new Later<MessageView>();
  fake({ channels, timeline, edit: () => saving.answer });
  const room = new Room("w");
  await room.open(a);
  room.editLast();
  room.typed("better");
  const first = room.send();
  await room.open(b);
  room.typed("for b");
  saving.give(messageOf("a1", 1, { text: "better" }));
  await first;
  expect([room.draft, room.editing, texts(room)]).toEqual(["for b", null, ["b1"]]);
});

test("a draft that cannot be saved holds nobody up, and is said", async () => {
  const full = () => Promise.reject({ what: "the disk is full", why: "no room", do: "make room" });
  fake({ channels, timeline, saveDraft: full });
  const room = new Room("w");
  await room.open(a);
  room.typed("hello");
  await room.open(b);
  expect([room.channel?.id, room.problem]).toEqual(["b", "the disk is full: no room; make room"]);
  await room.open(a);
  expect(room.draft).toBe("hello");
});

test("a channel that cannot be opened leaves the present one, with the reason", async () => {
  const gone = { what: "no such channel", why: "it is gone", do: "" };
  fake({ channels, timeline: (query) => (query.channel === "b" ? Promise.reject(gone) : timeline(query)) });
  const room = new Room("w");
  await room.open(a);
  await room.open(b);
  expect([room.channel?.id, room.problem]).toEqual(["a", "no such channel: it is gone"]);
});

test("while somebody looks elsewhere, the line stands at the first they have not seen", async () => {
  fake({ channels, timeline });
  const room = new Room("w");
  await room.open(a);
  expect(room.timeline.readAtOpen).toBe(0);
  room.lookAway();
  expect(room.timeline.readAtOpen).toBe(1);
});

test("what was typed elsewhere goes below what is typed here, and is let go of only then", async () => {
  const did: string[] = [];
  const other = { number: 7, text: "from the phone", at: 1 };
  let earlier = [other, { number: 6, text: "older", at: 0 }];
  fake({
    channels,
    timeline,
    draft: async (_, channel) => draftOf(channel, "mine", earlier),
    saveDraft: async (_, __, ___, text) => void did.push(text),
    forgetDraft: async (_, number) => {
      did.push(`forget ${number}`);
      earlier = earlier.filter((one) => one.number !== number);
    },
  });
  const room = new Room("w");
  await room.open(a);
  expect(room.elsewhere.map((one) => one.number)).toEqual([7, 6]);
  await room.takeDraft(other);
  expect([room.draft, did]).toEqual(["mine\nfrom the phone", ["mine\nfrom the phone", "forget 7"]]);
  await room.letDraftGo(earlier[0] as typeof other);
  expect([room.elsewhere, room.draft, did.at(-1)]).toEqual([[], "mine\nfrom the phone", "forget 6"]);
});

test("a draft that comes from elsewhere shows its other text, also to somebody who is typing", async () => {
  let earlier: { number: number; text: string; at: number }[] = [];
  let text = "";
  fake({
    channels,
    timeline,
    draft: async (_, channel) => draftOf(channel, text, earlier),
    saveDraft: async (_, __, ___, typed) => void (text = typed),
  });
  const room = new Room("w");
  await room.open(a);
  room.typed("mine");
  earlier = [{ number: 1, text: "theirs", at: 1 }];
  await room.refreshDraft();
  expect([room.draft, room.elsewhere.length]).toEqual(["mine", 1]);
});

test("a draft that is asked for while the last letters are being saved does not take them back", async () => {
  const saving = new Later<void>();
  const asking = new Later<void>();
  let slow = false;
  fake({
    channels,
    timeline,
    saveDraft: () => saving.answer,
    draft: async (_, channel) => {
      if (slow) await asking.answer;
      return draftOf(channel, "half");
    },
  });
  const room = new Room("w");
  await room.open(a);
  slow = true;
  room.typed("half a word");
  const refreshed = room.refreshDraft();
  saving.give();
  await settle();
  asking.give();
  await refreshed;
  expect(room.draft).toBe("half a word");
});

test("the channel that is open already can be opened by somebody who types on", async () => {
  const slow = new Later<Page>();
  let hit = false;
  fake({ channels, timeline: (query) => (hit ? slow.answer : timeline(query)) });
  const room = new Room("w");
  await room.open(a);
  room.typed("hal");
  hit = true;
  const opening = room.open(a, 1);
  await settle();
  room.typed("half a word");
  slow.give(pages.a as Page);
  await opening;
  expect(room.draft).toBe("half a word");
});

test("a draft that was asked for before it was sent does not fill the field again", async () => {
  const sending = new Later<MessageView>();
  const asking = new Later<void>();
  let slow = false;
  fake({
    channels,
    timeline,
    send: () => sending.answer,
    draft: async (_, channel) => {
      if (slow) await asking.answer;
      return draftOf(channel, "hello");
    },
  });
  const room = new Room("w");
  await room.open(a);
  const sent = room.send();
  slow = true;
  const refreshed = room.refreshDraft();
  sending.give(messageOf("a2", null));
  await sent;
  asking.give();
  await refreshed;
  expect(room.draft).toBe("");
});

test("a double click adds what was typed elsewhere once, and what could not be let go of is there again", async () => {
  const other = { number: 7, text: "from the phone", at: 1 };
  const forgetting = new Later<void>();
  fake({
    channels,
    timeline,
    draft: async (_, channel) => draftOf(channel, "mine", [other]),
    forgetDraft: () => forgetting.answer,
  });
  const room = new Room("w");
  await room.open(a);
  const both = [room.takeDraft(other), room.takeDraft(other)];
  await room.refreshDraft();
  expect([room.draft, room.elsewhere]).toEqual(["mine\nfrom the phone", []]);
  forgetting.refuse({ what: "the disk is full", why: "no room", do: "" });
  await Promise.all(both);
  expect([room.elsewhere, room.problem]).toEqual([[other], "the disk is full: no room"]);
});

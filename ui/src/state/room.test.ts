import { expect, test } from "vitest";
import type { ChannelView, MessageView, TimelineView } from "../api";
import { channelOf, fake, Later, messageOf, page, settle } from "./fake";
import { heard } from "./events";
import { Room } from "./room.svelte";

const [a, b] = [channelOf("a"), channelOf("b")];
const pages: Record<string, TimelineView> = { a: page(messageOf("a1", 1)), b: page(messageOf("b1", 1)) };
const timeline = async (_: string, channel: string) => pages[channel] as TimelineView;
const channels = async () => [a, b];
const texts = (room: Room) => room.timeline.messages.map((message) => message.id);

test("of two channels that are being opened the last one chosen is shown, whichever comes first", async () => {
  const slow = new Later<TimelineView>();
  fake({
    channels,
    timeline: (_, id) => (id === "a" ? slow.answer : Promise.resolve(pages.b as TimelineView)),
  });
  const room = new Room("w");
  const first = room.open(a);
  await room.open(b);
  slow.give(pages.a as TimelineView);
  await first;
  expect([room.channel?.id, texts(room)]).toEqual(["b", ["b1"]]);
});

test("a refresh does not choose a channel over the one somebody is opening", async () => {
  const slow = new Later<TimelineView>();
  fake({
    channels,
    timeline: (_, id) => (id === "b" ? slow.answer : Promise.resolve(pages.a as TimelineView)),
  });
  const room = new Room("w");
  const opening = room.open(b);
  await room.refreshChannels();
  slow.give(pages.b as TimelineView);
  await opening;
  expect(room.channel?.id).toBe("b");
});

test("an older list of channels does not cover a newer one", async () => {
  const [old, fresh] = [new Later<ChannelView[]>(), new Later<ChannelView[]>()];
  const answers = [old, fresh];
  fake({ channels: () => (answers.shift() as Later<ChannelView[]>).answer, timeline });
  const room = new Room("w");
  const both = [room.refreshChannels(), room.refreshChannels()];
  fresh.give([a, b]);
  await settle();
  old.give([a]);
  await Promise.all(both);
  expect(room.channels.length).toBe(2);
});

test("what is heard while a channel is being opened is asked again", async () => {
  const slow = new Later<TimelineView>();
  const answers = [slow.answer, Promise.resolve(page(messageOf("a1", 1), messageOf("a2", 2)))];
  fake({ channels, timeline: () => answers.shift() as Promise<TimelineView> });
  const room = new Room("w");
  const opening = room.open(a);
  await settle();
  heard.batches += 1;
  slow.give(pages.a as TimelineView);
  await opening;
  expect(texts(room)).toEqual(["a1", "a2"]);
});

test("a second Enter sends nothing, and what is typed after the first stays", async () => {
  const sending = new Later<MessageView>();
  const sent: string[] = [];
  fake({ channels, timeline, send: (_, __, text) => (sent.push(text), sending.answer) });
  const room = new Room("w");
  await room.open(a);
  room.typed("hello");
  const first = room.send();
  await room.send();
  room.typed("and");
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
  fake({ channels, timeline: (_, id) => (id === "b" ? Promise.reject(gone) : timeline("w", id)) });
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

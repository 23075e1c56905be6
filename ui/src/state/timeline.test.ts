import { expect, test } from "vitest";
import type { MessageView, TimelineQuery } from "../api";
import { asking } from "../api/asking";
import { settle, type Page } from "./fake";
import { MOST, PAGE, Timeline } from "./timeline.svelte";

/** A channel on a device: numbers 1 to `head`, and what waits to be sent. */
class Channel {
  head: number;
  waiting: string[] = [];
  edited = new Set<number>();
  changes = new Set<() => void>();

  constructor(head: number) {
    this.head = head;
  }

  /** `late` says what an answer waits for. */
  timeline(late: () => Promise<void> | undefined = () => undefined): Timeline {
    const watch = asking(this.changes, async (query: TimelineQuery) => {
      await late();
      return this.#part(query);
    });
    return new Timeline({ workspace: "w", channel: "c" }, watch);
  }

  /** Something happened, and those who watch have heard it. */
  async changed(): Promise<void> {
    this.changes.forEach((tell) => tell());
    await settle();
  }

  #part({ window, limit }: TimelineQuery): Page {
    const half = Math.floor(limit / 2);
    const [from, to] = {
      latest: () => [this.head - limit + 1, this.head],
      before: (seq: number) => [seq - limit, seq - 1],
      after: (seq: number) => [seq + 1, seq + limit],
      around: (seq: number) => [seq - half + 1, seq + half],
    }[window.at]("seq" in window ? window.seq : 0) as [number, number];
    const rows = [];
    for (let seq = Math.max(1, from); seq <= Math.min(this.head, to); seq += 1)
      rows.push(this.#message(`m${seq}`, seq));
    const newer = window.at !== "latest" && to < this.head;
    if (!newer && window.at !== "before") rows.push(...this.waiting.map((id) => this.#message(id, null)));
    return { rows, about: { older: from > 1, newer, fetching: false, read: 0 } };
  }

  #message(id: string, seq: number | null): MessageView {
    return { id, seq, at: seq ?? 9_999_999, edited: seq !== null && this.edited.has(seq) } as MessageView;
  }
}

/** Every number that is shown, which must be one unbroken run. */
function shown(timeline: Timeline): [number, number] {
  const numbers = timeline.messages.flatMap((message) => (message.seq === null ? [] : [message.seq]));
  expect(numbers).toEqual(numbers.map((_, place) => timeline.first + place));
  return [timeline.first, timeline.last];
}

test("a channel opens at its end, and at a message one came for", async () => {
  const channel = new Channel(5000);
  const timeline = channel.timeline();
  await timeline.open();
  expect(shown(timeline)).toEqual([5001 - PAGE, 5000]);
  await timeline.open(1000);
  expect(timeline.target).toBe("m1000");
  expect([timeline.older, timeline.newer, timeline.atEnd]).toEqual([true, true, false]);
  await timeline.growNewer();
  expect(shown(timeline)).toEqual([1001 - PAGE / 2, 1000 + PAGE / 2 + PAGE]);
});

test("scrolling through a long channel never tears what is shown, nor lets it grow for ever", async () => {
  const timeline = new Channel(5000).timeline();
  await timeline.open();
  await timeline.stand(false);
  for (let step = 0; step < 20; step += 1) await timeline.growOlder();
  expect(shown(timeline)).toEqual([5001 - 21 * PAGE, 5000 - 21 * PAGE + MOST]);
  expect(timeline.newer).toBe(true);
  while (timeline.newer) await timeline.growNewer();
  expect(shown(timeline)[1]).toBe(5000);
  expect(timeline.messages.length).toBeLessThanOrEqual(MOST);
  expect(timeline.older).toBe(true);
});

test("somebody at the end of a channel stays there, however much arrives", async () => {
  const channel = new Channel(100);
  const timeline = channel.timeline();
  await timeline.open();
  channel.head = 4000;
  await channel.changed();
  expect(shown(timeline)[1]).toBe(4000);
  expect([timeline.older, timeline.newer]).toEqual([true, false]);
  for (let step = 0; step < 10; step += 1) {
    channel.head += 50;
    await channel.changed();
  }
  expect(shown(timeline)).toEqual([4501 - PAGE, 4500]);
});

test("somebody who reads older messages keeps them, and scrolls on without a gap", async () => {
  const channel = new Channel(100);
  const timeline = channel.timeline();
  await timeline.open();
  await timeline.stand(false);
  channel.head = 4000;
  channel.edited.add(80);
  await channel.changed();
  expect(shown(timeline)).toEqual([101 - PAGE, 100 + PAGE]);
  expect(timeline.newer).toBe(true);
  expect(timeline.messages.find((message) => message.seq === 80)?.edited).toBe(true);
  await timeline.growNewer();
  expect(shown(timeline)).toEqual([101 - PAGE, 100 + 2 * PAGE]);
  expect(await timeline.follow()).toBeUndefined();
  expect(shown(timeline)).toEqual([4001 - PAGE, 4000]);
});

test("what waits is last, and gone once it is discarded", async () => {
  const channel = new Channel(10);
  channel.waiting = ["w1", "w2"];
  const timeline = channel.timeline();
  await timeline.open();
  expect(timeline.messages.slice(-2).map((message) => message.id)).toEqual(["w1", "w2"]);
  channel.waiting = ["w2"];
  await channel.changed();
  expect(timeline.messages.slice(-1).map((message) => message.id)).toEqual(["w2"]);
});

test("a channel that may no longer be read shows nothing", async () => {
  const channel = new Channel(10);
  const timeline = channel.timeline();
  await timeline.open();
  channel.head = 0;
  await channel.changed();
  expect(timeline.messages).toEqual([]);
});

test("somebody a little above the end of a long channel keeps what they see, and the rest stays bounded", async () => {
  const channel = new Channel(1000);
  const timeline = channel.timeline();
  await timeline.open();
  for (let step = 0; step < 10; step += 1) await timeline.growOlder();
  while (timeline.newer) await timeline.growNewer();
  await timeline.stand(false);
  const [first] = shown(timeline);
  channel.head += 60;
  await channel.changed();
  expect(shown(timeline)).toEqual([first, first + MOST - 1]);
  expect(timeline.newer).toBe(true);
});

test("what was asked for last is what is shown, however late an earlier answer comes", async () => {
  const channel = new Channel(5000);
  let late: Promise<void> | undefined;
  const timeline = channel.timeline(() => late);
  await timeline.open(2000);
  for (const grow of [() => timeline.growOlder(), () => timeline.growNewer()]) {
    let come: () => void = () => undefined;
    late = new Promise((done) => (come = done));
    const growing = grow();
    const opening = timeline.open(1000);
    late = undefined;
    come();
    await Promise.all([growing, opening]);
    expect(shown(timeline)).toEqual([1001 - PAGE / 2, 1000 + PAGE / 2]);
    await timeline.open(2000);
  }
});

test("to stand still meanwhile does not take back that more was asked for", async () => {
  const timeline = new Channel(5000).timeline();
  await timeline.open();
  await timeline.stand(false);
  const growing = timeline.growOlder();
  await timeline.stand(false);
  await growing;
  expect(shown(timeline)).toEqual([5001 - 2 * PAGE, 5000]);
});

test("what waits to be sent stays in view while one scrolls up a little", async () => {
  const channel = new Channel(200);
  channel.waiting = ["w1"];
  const timeline = channel.timeline();
  await timeline.open();
  await timeline.stand(false);
  await timeline.growOlder();
  expect(timeline.messages.at(-1)?.id).toBe("w1");
  await timeline.stand(false);
  channel.head += 10;
  await channel.changed();
  expect(shown(timeline)).toEqual([201 - 2 * PAGE, 210]);
});

test("whoever jumps to the latest, or sends from the past, gets there however they still scroll", async () => {
  for (const go of ["open", "follow"] as const) {
    const timeline = new Channel(5000).timeline();
    await timeline.open(2000);
    const going = timeline[go]();
    await timeline.stand(false);
    await timeline.growOlder();
    await going;
    expect([shown(timeline)[1], timeline.atEnd]).toEqual([5000, true]);
  }
});

test("a message one came for is the target also when it has to be fetched first", async () => {
  const channel = new Channel(900);
  const timeline = channel.timeline();
  await timeline.open(1000);
  expect(timeline.target).toBe(null);
  channel.head = 5000;
  await channel.changed();
  expect(timeline.target).toBe("m1000");
});

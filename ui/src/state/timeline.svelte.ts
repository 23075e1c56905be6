// The part of a channel that is looked at: one unbroken run of messages, watched. It grows at the end one scrolls to, is cut
// off at the other when it gets long, and follows what happens.

import type { Around, MessageView, TimelineQuery, TimelineWindow, Watcher } from "../api";
import { Watching } from "./watching";

export const PAGE = 40;
/** Most messages kept at once: what is shown costs the same in a channel of a million. */
export const MOST = 300;

const LATEST: TimelineWindow = { at: "latest" };

export class Timeline {
  messages = $state.raw<MessageView[]>([]);
  older = $state(false);
  newer = $state(false);
  fetching = $state(false);
  /** Everything up to this number was read when the channel was opened: where the line stands. */
  readAtOpen = $state(0);
  /** The message one came for, from a search: it is scrolled to and marked. */
  target = $state<string | null>(null);
  #atEnd = true;
  #read = 0;
  #growing = 0;
  /** How often it is being turned on purpose: until then nobody stands anywhere in it. */
  #turning = 0;
  /** The number of the message one came for, until it is there. */
  #sought: number | null = null;
  #window = LATEST;
  readonly #place: { workspace: string; channel: string };
  readonly #watching: Watching<TimelineQuery, MessageView, Around>;

  constructor(
    place: { workspace: string; channel: string },
    watch: Watcher<TimelineQuery, MessageView, Around>,
  ) {
    this.#place = place;
    this.#watching = new Watching(
      watch,
      (message) => message.id,
      (messages, about) => this.#show(messages, about),
    );
  }

  get first(): number {
    return this.messages.find((message) => message.seq !== null)?.seq ?? 0;
  }

  get last(): number {
    return this.messages.findLast((message) => message.seq !== null)?.seq ?? 0;
  }

  /** Whether the newest message is in view. Then what arrives is read, and followed. */
  get atEnd(): boolean {
    return this.#atEnd;
  }

  /** The newest messages, or those around a number. */
  async open(seq: number | null = null): Promise<void> {
    this.target = null;
    this.#sought = seq;
    await this.#turn(seq === null ? LATEST : { at: "around", seq }, PAGE);
    this.readAtOpen = this.#read;
    this.#atEnd = !this.newer;
  }

  /** Looks at the newest as they are now, also from the middle of the past. */
  async follow(): Promise<void> {
    this.#atEnd = true;
    this.#sought = null;
    await this.#turn(LATEST, this.newer ? PAGE : this.#count(0));
  }

  /** However one scrolls meanwhile, it comes where it was sent. */
  async #turn(window: TimelineWindow, limit: number): Promise<void> {
    this.#turning += 1;
    await this.#look(window, limit).finally(() => (this.#turning -= 1));
  }

  /** Says where somebody stands. Whoever is not at the end keeps what they look at, however much arrives. */
  async stand(atEnd: boolean): Promise<void> {
    if (this.#turning > 0) return;
    this.#atEnd = atEnd;
    if (this.#growing === 0) await this.#settle();
  }

  async #settle(): Promise<void> {
    if (this.#turning > 0) return;
    if (this.#atEnd === (this.#window === LATEST) || this.first === 0) return;
    if (this.#atEnd) await this.#look(LATEST, this.#count(0));
    else await this.#look({ at: "after", seq: this.first - 1 }, this.#count(PAGE));
  }

  async growOlder(): Promise<void> {
    if (!this.older || this.first === 0 || this.#turning > 0) return;
    const count = this.#count(PAGE);
    const kept = this.#numbers().slice(0, count - PAGE);
    const whole = !this.newer && kept.length === this.#numbers().length;
    // What waits to be sent is only among the newest.
    await this.#grow(whole ? LATEST : { at: "before", seq: (kept.at(-1) ?? 0) + 1 }, count);
  }

  async growNewer(): Promise<void> {
    if (!this.newer || this.last === 0 || this.#turning > 0) return;
    const count = this.#count(PAGE);
    const kept = this.#numbers().slice(-(count - PAGE));
    await this.#grow({ at: "after", seq: (kept[0] ?? 1) - 1 }, count);
  }

  /** Nothing that is said of where one stands meanwhile takes it back. */
  async #grow(window: TimelineWindow, limit: number): Promise<void> {
    this.#growing += 1;
    await this.#look(window, limit).finally(() => (this.#growing -= 1));
    await this.#settle();
  }

  end(): void {
    this.#watching.end();
  }

  #numbers(): number[] {
    return this.messages.flatMap((message) => message.seq ?? []);
  }

  /** As many as are shown and some more: a page at least, and not too many. */
  #count(more: number): number {
    return Math.min(Math.max(this.#numbers().length + more, PAGE), MOST);
  }

  #look(window: TimelineWindow, limit: number): Promise<void> {
    this.#window = window;
    return this.#watching.look({ ...this.#place, window, limit });
  }

  #show(messages: MessageView[], about: Around): void {
    this.messages = messages;
    this.older = about.older;
    this.newer = about.newer;
    this.fetching = about.fetching;
    this.#read = about.read;
    const found = this.#sought === null ? undefined : messages.find((one) => one.seq === this.#sought);
    if (!found) return;
    this.target = found.id;
    this.#sought = null;
  }
}

// The part of a channel that is looked at: one unbroken run of messages. It grows at the end one scrolls to, is cut off at
// the other when it gets long, and follows what happens on the server.

import type { MessageView, TimelineView, TimelineWindow } from "../api";
import { merge } from "../lib/timeline";

export const PAGE = 40;
/** Most messages kept at once: what is shown costs the same in a channel of a million. */
export const MOST = 300;

export type Load = (window: TimelineWindow, limit: number) => Promise<TimelineView>;

export class Timeline {
  messages = $state.raw<MessageView[]>([]);
  older = $state(false);
  newer = $state(false);
  fetching = $state(false);
  /** Everything up to this number was read when the channel was opened: where the line stands. */
  readAtOpen = $state(0);
  /** The message one came for, from a search: it is scrolled to and marked. */
  target = $state<string | null>(null);
  /** Whether the newest message is in view. Then what arrives is read, and followed. */
  atEnd = true;
  #load: Load;

  constructor(load: Load) {
    this.#load = load;
  }

  get first(): number {
    return this.messages.find((message) => message.seq !== null)?.seq ?? 0;
  }

  get last(): number {
    return this.messages.findLast((message) => message.seq !== null)?.seq ?? 0;
  }

  /** The newest messages, or those around a number. */
  async open(seq: number | null = null): Promise<void> {
    const page = await this.#load(seq === null ? { at: "latest" } : { at: "around", seq }, PAGE);
    this.readAtOpen = page.read;
    this.atEnd = !page.newer;
    this.target = page.messages.find((message) => seq !== null && message.seq === seq)?.id ?? null;
    this.#show(page);
  }

  /** Asks again for what is shown, after something happened in the channel. */
  async refresh(): Promise<void> {
    if (this.newer) return this.#refreshPast();
    const page = await this.#load({ at: "latest" }, Math.min(this.messages.length + PAGE, MOST + PAGE));
    // Scrolling may have cut off the end meanwhile.
    if (this.newer) return this.#refreshPast();
    const reach = page.messages.find((message) => message.seq !== null)?.seq ?? 0;
    // So much may have come that the newest page does not reach what is shown.
    const torn = this.last > 0 && reach > this.last + 1;
    if (torn && !this.atEnd) {
      this.newer = true;
      return this.#refreshPast();
    }
    const first = this.first;
    const above =
      torn || reach === 0 ? [] : this.messages.filter((one) => one.seq !== null && one.seq < reach);
    if (above.length === 0) {
      this.#show(page);
    } else {
      this.messages = merge(above, page.messages);
      this.fetching = page.fetching;
    }
    if (this.atEnd) return this.#cutTop();
    // Somebody who reads older messages keeps them: what goes is what they did not see.
    if (this.messages.length > MOST && this.first < first) {
      this.messages = this.messages.filter((one) => one.seq === null || one.seq >= first);
      this.older = true;
    }
    this.#cutEnd();
  }

  async growOlder(): Promise<void> {
    if (!this.older || this.first === 0) return;
    const first = this.first;
    const page = await this.#load({ at: "before", seq: first }, PAGE);
    // Joined to another run of messages than the one it was asked for, the page would leave a gap.
    if (this.first !== first) return;
    this.older = page.older;
    if (page.fetching) this.fetching = true;
    if (page.messages.length === 0) return;
    this.messages = merge(page.messages, this.messages);
    this.#cutEnd();
  }

  async growNewer(): Promise<void> {
    if (!this.newer || this.last === 0) return;
    const last = this.last;
    const page = await this.#load({ at: "after", seq: last }, PAGE);
    if (this.last !== last) return;
    this.newer = page.newer;
    if (page.fetching) this.fetching = true;
    if (page.messages.length === 0) return;
    this.messages = merge(this.messages, page.messages);
    this.#cutTop();
  }

  /** Takes a message that is known to have changed, such as an answer. */
  put(message: MessageView): void {
    const known = this.messages.find((one) => one.id === message.id);
    // The answer to sending may come after the event that tells of its number.
    if (message.seq === null && known && known.seq !== null) return;
    if (known || !this.newer) this.messages = merge(this.messages, [message]);
  }

  drop(id: string): void {
    this.messages = this.messages.filter((one) => one.id !== id);
  }

  async #refreshPast(): Promise<void> {
    const [first, count] = [this.first, this.messages.length];
    const page = await this.#load({ at: "after", seq: first - 1 }, Math.max(count, PAGE));
    // Scrolling may have moved the window meanwhile; then it is asked again with the next event.
    if (this.first === first) {
      this.messages = page.messages;
      this.newer = page.newer;
      this.fetching = page.fetching;
    }
  }

  #show(page: TimelineView): void {
    this.messages = page.messages;
    this.older = page.older;
    this.newer = page.newer;
    this.fetching = page.fetching;
  }

  #cutEnd(): void {
    if (this.messages.length <= MOST) return;
    this.messages = this.messages.slice(0, MOST);
    this.newer = true;
  }

  #cutTop(): void {
    if (this.messages.length <= MOST) return;
    this.messages = this.messages.slice(-MOST);
    this.older = true;
  }
}

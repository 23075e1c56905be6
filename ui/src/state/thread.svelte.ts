// A thread as it is looked at beside its channel: the message it began with, its answers, and what one writes there.

import { told, type EarlierDraftView, type MessageView } from "../api";
import { api } from "../api/backend";
import { distinct } from "../lib/distinct";
import { placeOf, type DraftKeeper } from "./draft";

/** How many answers are asked for at once. */
const PAGE = 100;

export class Thread {
  readonly workspace: string;
  readonly channel: string;
  /** The message it began with; until that is known, the one it was asked for by. */
  root = $state.raw<MessageView>() as MessageView;
  replies = $state.raw<MessageView[]>([]);
  older = $state(false);
  /** Whether some answers may be missing, because the server could not be asked. */
  partial = $state(false);
  draft = $state("");
  /** What was typed in this thread on another device, while this one was typing: the newest first. */
  elsewhere = $state.raw<EarlierDraftView[]>([]);
  problem = $state<string | null>(null);
  readonly #drafts: DraftKeeper;
  #shown = PAGE;
  #looking = 0;
  /** Whether the server is still to be asked. */
  #unasked = false;
  #sending: string | null = null;

  constructor(workspace: string, channel: string, of: MessageView, drafts: DraftKeeper) {
    this.workspace = workspace;
    this.channel = channel;
    this.root = of;
    this.#drafts = drafts;
  }

  get #place(): string {
    return placeOf(this.channel, this.root.id);
  }

  /** Asks for it, and for what was typed there. */
  async open(): Promise<void> {
    await this.refresh();
    await this.refreshDraft();
  }

  /**
   * Looks again, and without `ask` on this device only: what the server answers is a change, too, and each change would be one
   * more question. Of several answers the last one asked for counts.
   */
  async refresh(ask = true): Promise<void> {
    const turn = ++this.#looking;
    // What could not be asked before is asked as soon as it can be.
    const asks = ask || this.#unasked || this.partial;
    this.#unasked = asks;
    await this.#try(async () => {
      const view = await api.thread(this.workspace, this.channel, this.root.id, this.#shown, asks);
      if (turn !== this.#looking) return;
      this.#unasked = false;
      this.root = view.root;
      this.replies = distinct(view.replies, (message) => message.id);
      // How much is on this device says nothing of how much there is.
      this.older = view.older || (!asks && this.older);
      if (asks) this.partial = view.partial;
    });
  }

  async grow(): Promise<void> {
    this.#shown += PAGE;
    await this.refresh();
  }

  /** The draft was typed at on another device. What is typed here meanwhile stays. */
  async refreshDraft(): Promise<void> {
    const [place, before] = [this.#place, this.draft];
    const unsaved = this.#drafts.unsaved(place) !== undefined;
    await this.#try(async () => {
      const saved = await api.draft(this.workspace, this.channel, this.root.id);
      this.elsewhere = saved?.earlier ?? [];
      const text = this.#drafts.unsaved(place) ?? saved?.text ?? "";
      // What is on its way out is no draft, though the answer may have it still.
      const sent = this.#sending !== null && text.trim() === this.#sending;
      if (!unsaved && !sent && this.draft === before) this.draft = text;
    });
  }

  typed(text: string): void {
    this.draft = text;
    this.#drafts.typed(this.#place, text);
  }

  turnAway(): void {
    void this.#drafts.flush().catch(() => undefined);
  }

  async send(): Promise<void> {
    const text = this.draft.trim();
    if (text === "") return;
    this.problem = null;
    // Before the answer: a second Enter finds nothing to send, and what is typed meanwhile stays.
    this.draft = "";
    this.#sending = text;
    try {
      await this.#drafts.flush().catch(() => undefined);
      await api.send(this.workspace, this.channel, text, this.root.id);
    } catch (why) {
      this.typed(this.draft === "" ? text : `${text}\n${this.draft}`);
      this.problem = told(why);
      return;
    } finally {
      this.#sending = null;
    }
    await this.refresh(false);
  }

  /** What was typed elsewhere goes into the field, below what is there: nobody's text is lost. */
  async takeDraft(other: EarlierDraftView): Promise<void> {
    await this.#forget(other, () => {
      this.typed(this.draft.trim() === "" ? other.text : `${this.draft}\n${other.text}`);
      return this.#drafts.flush();
    });
  }

  async letDraftGo(other: EarlierDraftView): Promise<void> {
    await this.#forget(other, () => Promise.resolve());
  }

  /** It is out of sight at once: a second click does nothing. */
  async #forget(other: EarlierDraftView, first: () => Promise<void>): Promise<void> {
    if (!this.elsewhere.includes(other)) return;
    this.elsewhere = this.elsewhere.filter((one) => one !== other);
    await this.#try(async () => {
      try {
        await first();
        await api.forgetDraft(this.workspace, other.number);
      } catch (why) {
        this.elsewhere = [other, ...this.elsewhere];
        throw why;
      }
    });
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    this.problem = null;
    try {
      await act();
    } catch (why) {
      this.problem = told(why);
    }
  }
}

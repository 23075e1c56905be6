// One workspace as it is looked at: its channels, and the timeline of the one that is open.

import {
  told,
  type ChannelView,
  type EarlierDraftView,
  type MessageView,
  type PersonView,
  type Unread,
} from "../api";
import { api } from "../api/backend";
import { distinct } from "../lib/distinct";
import { DraftKeeper } from "./draft";
import { Thread } from "./thread.svelte";
import { Timeline } from "./timeline.svelte";
import { Watching } from "./watching";

/** Keeps what is typed in a workspace, by channel and thread. */
export const draftsOf = (workspace: string): DraftKeeper =>
  new DraftKeeper((place, text) => {
    const [channel, thread] = place.split(" ");
    return api.saveDraft(workspace, channel ?? "", thread ?? null, text);
  });

interface Sending {
  text: string;
  refused: boolean;
}

export class Room {
  readonly workspace: string;
  channels = $state<ChannelView[]>([]);
  people = $state<PersonView[]>([]);
  channel = $state<ChannelView | null>(null);
  /** What is shown of the channel; a new one for each visit. */
  timeline = $state.raw<Timeline>(new Timeline({ workspace: "", channel: "" }, api.watchTimeline));
  draft = $state("");
  /** What was typed in the same place on another device, while this one was typing: the newest first. */
  elsewhere = $state.raw<EarlierDraftView[]>([]);
  /** The thread that is looked at beside the channel. */
  thread = $state.raw<Thread | null>(null);
  editing = $state<MessageView | null>(null);
  problem = $state<string | null>(null);
  #painted = false;
  readonly #drafts: DraftKeeper;
  readonly #list: Watching<{ workspace: string }, ChannelView, Unread>;
  /** The channel that is opened by itself, because none was. */
  #first: Promise<void> = Promise.resolve();
  /** Counts what was chosen to be opened: only the latest is shown. */
  #opened = 0;
  #opening = 0;
  #ended = false;
  #savingEdit: string | null = null;
  #toldRead = "";
  /** What is on its way out of the field, by channel. */
  #sending = new Map<string, Sending>();
  /** What was typed elsewhere and is being let go of, by its number. */
  #leaving = new Set<number>();

  constructor(workspace: string, drafts = draftsOf(workspace)) {
    this.workspace = workspace;
    this.#drafts = drafts;
    this.#list = new Watching(
      api.watchChannels,
      (channel) => channel.id,
      (channels) => this.#take(channels),
    );
  }

  get joined(): ChannelView[] {
    return this.channels.filter((channel) => channel.joined && channel.kind !== "direct");
  }

  get conversations(): ChannelView[] {
    return this.channels.filter((channel) => channel.kind === "direct");
  }

  /** The channels as they are now, and one of them open, if there is any. */
  async refreshChannels(): Promise<void> {
    await this.#list.look({ workspace: this.workspace });
    await this.#first;
  }

  #take(channels: ChannelView[]): void {
    this.channels = channels;
    const open = channels.find((channel) => channel.id === this.channel?.id);
    // Right after joining nothing is there yet, and a channel one was in may be gone.
    if (this.channel && !open) this.timeline.end();
    this.channel = open ?? null;
    // Whoever is about to open one has chosen already.
    if (open || this.#opening > 0) return;
    this.#first = this.#openFirst();
    this.#first.catch((why: unknown) => (this.problem = told(why)));
  }

  /** Nothing of it is followed any longer. */
  end(): void {
    this.#ended = true;
    this.#list.end();
    this.timeline.end();
  }

  async #openFirst(): Promise<void> {
    const waiting = this.channels.find((channel) => channel.joined && channel.unread > 0);
    const first = waiting ?? this.joined[0] ?? this.conversations[0];
    if (first) await this.#show(first, null);
  }

  /** Opens a channel at its newest messages, or around one of them. Of several, the last one chosen is shown. */
  async open(channel: ChannelView, seq: number | null = null): Promise<void> {
    try {
      await this.#show(channel, seq);
    } catch (why) {
      this.problem = told(why);
    }
  }

  async #show(channel: ChannelView, seq: number | null): Promise<void> {
    const turn = ++this.#opened;
    const before = this.draft;
    const timeline = new Timeline({ workspace: this.workspace, channel: channel.id }, api.watchTimeline);
    this.#opening += 1;
    try {
      // A draft that cannot be saved holds nobody up. It waits for the next time.
      const unsaved = await this.leave();
      const [saved] = await Promise.all([this.#savedDraft(channel.id), timeline.open(seq)]);
      if (turn !== this.#opened || this.#ended) return timeline.end();
      this.timeline.end();
      // Whoever types on where they are already keeps what came since the draft was asked for.
      const typedOn = this.channel?.id === channel.id && !this.editing && this.draft !== before;
      this.channel = this.channels.find((one) => one.id === channel.id) ?? channel;
      this.timeline = timeline;
      if (!typedOn) this.draft = saved.text;
      this.elsewhere = saved.elsewhere;
      this.editing = null;
      this.problem = unsaved;
    } catch (why) {
      timeline.end();
      if (turn === this.#opened) throw why;
      return;
    } finally {
      this.#opening -= 1;
    }
    void this.markRead();
    if (!this.#painted) {
      this.#painted = true;
      requestAnimationFrame(() => requestAnimationFrame(() => void api.painted()));
    }
  }

  async #savedDraft(channel: string): Promise<{ text: string; elsewhere: EarlierDraftView[] }> {
    // What ends while it is asked for may be in the answer still.
    const sending = this.#sending.get(channel);
    const leaving = [...this.#leaving];
    const saved = await api.draft(this.workspace, channel, null);
    const text = this.#drafts.unsaved(channel) ?? saved?.text ?? "";
    const sent = [sending, this.#sending.get(channel)].some(
      (one) => one && !one.refused && one.text === text.trim(),
    );
    const gone = new Set([...leaving, ...this.#leaving]);
    return {
      text: sent ? "" : text,
      elsewhere: (saved?.earlier ?? []).filter((one) => !gone.has(one.number)),
    };
  }

  async #savedText(channel: string): Promise<string> {
    return this.#savedDraft(channel).then(
      (saved) => saved.text,
      () => "",
    );
  }

  /** Looks at the thread of a message beside the channel. */
  async openThread(message: MessageView): Promise<void> {
    const of = message.thread ?? message.id;
    if (this.thread?.channel === message.channel && this.thread.root.id === of) return;
    const thread = new Thread(this.workspace, message.channel, message, this.#drafts);
    this.thread = thread;
    await thread.open();
  }

  /** Messages or drafts of a channel changed, by an event. */
  async refreshThread(ask: boolean): Promise<void> {
    await this.thread?.refresh(ask);
    await this.thread?.refreshDraft();
  }

  /** The draft of the open channel was typed at on another device. What is typed here meanwhile stays. */
  async refreshDraft(): Promise<void> {
    const [channel, before] = [this.channel, this.draft];
    if (!channel) return;
    // What was not saved before it was asked may be missing in the answer.
    const unsaved = this.#drafts.unsaved(channel.id) !== undefined;
    const { text, elsewhere } = await this.#savedDraft(channel.id);
    if (this.channel?.id !== channel.id) return;
    this.elsewhere = elsewhere;
    if (!this.editing && !unsaved && this.draft === before) this.draft = text;
  }

  /** What was typed elsewhere goes into the field, below what is there: nobody's text is lost. */
  takeDraft(other: EarlierDraftView): Promise<void> {
    return this.#forget(other, () => {
      this.typed(this.draft.trim() === "" ? other.text : `${this.draft}\n${other.text}`);
      return this.#drafts.flush();
    });
  }

  letDraftGo(other: EarlierDraftView): Promise<void> {
    return this.#forget(other, () => Promise.resolve());
  }

  /** It is out of sight at once: a second click does nothing. */
  async #forget(other: EarlierDraftView, first: () => Promise<void>): Promise<void> {
    if (this.#leaving.has(other.number)) return;
    this.#leaving.add(other.number);
    const channel = this.channel?.id;
    this.elsewhere = this.elsewhere.filter((one) => one.number !== other.number);
    await this.#try(async () => {
      try {
        await first();
        await api.forgetDraft(this.workspace, other.number);
      } catch (why) {
        if (this.channel?.id === channel) this.elsewhere = [other, ...this.elsewhere];
        throw why;
      }
    });
    this.#leaving.delete(other.number);
  }

  /** Saves what was typed; answers why that could not be done, if so. */
  leave(): Promise<string | null> {
    return this.#drafts.flush().then(() => null, told);
  }

  /** The window lost somebody's attention: what comes from now on is new to them. */
  lookAway(): void {
    this.turnAway();
    const timeline = this.timeline;
    if (timeline.atEnd && !timeline.newer) timeline.readAtOpen = timeline.last;
  }

  /** What is in view at the end of the channel is read, when the window has somebody's attention. */
  async markRead(attentive = document.hasFocus()): Promise<void> {
    const [channel, last] = [this.channel, this.timeline.last];
    if (!this.timeline.atEnd || this.timeline.newer || !attentive) return;
    if (!channel?.joined || last <= channel.read) return;
    const mark = `${channel.id} ${last}`;
    if (this.#toldRead === mark) return;
    this.#toldRead = mark;
    await api.markRead(this.workspace, channel.id, last).catch(() => {
      if (this.#toldRead === mark) this.#toldRead = "";
    });
  }

  /** A message is being changed, and what is typed of that is nowhere else. */
  get changing(): boolean {
    return this.editing !== null && this.draft !== this.editing.text;
  }

  typed(text: string): void {
    this.draft = text;
    if (this.channel && !this.editing) this.#drafts.typed(this.channel.id, text);
  }

  turnAway(): void {
    void this.#drafts.flush().catch(() => undefined);
  }

  async send(): Promise<void> {
    const channel = this.channel;
    const text = this.draft.trim();
    if (!channel || text === "") return;
    this.problem = null;
    if (this.editing) return this.#saveEdit(channel, this.editing, text);
    const timeline = this.timeline;
    // Before the answer: a second Enter finds nothing to send, and what is typed meanwhile stays. On the disk it is a draft
    // until it waits to be sent.
    this.draft = "";
    const sending = { text, refused: false };
    this.#sending.set(channel.id, sending);
    try {
      await this.#drafts.flush().catch(() => undefined);
      await api.send(this.workspace, channel.id, text, null);
    } catch (why) {
      sending.refused = true;
      this.#sending.delete(channel.id);
      await this.#putBack(channel, text);
      this.problem = told(why);
      return;
    }
    this.#sending.delete(channel.id);
    await this.#try(async () => {
      await timeline.follow();
      // Whoever answers has read.
      timeline.readAtOpen = timeline.last;
      if (this.timeline === timeline) void this.markRead(true);
      await this.#drafts.flush();
    });
  }

  /** What was not taken is in the field again, before anything that was typed meanwhile. */
  async #putBack(channel: ChannelView, text: string): Promise<void> {
    const here = this.channel?.id === channel.id && !this.editing;
    const since = here ? this.draft : await this.#savedText(channel.id);
    // Elsewhere it is a draft still.
    const whole = since === "" || since.trim() === text ? text : `${text}\n${since}`;
    if (here) this.draft = whole;
    this.#drafts.typed(channel.id, whole);
  }

  async #saveEdit(channel: ChannelView, editing: MessageView, text: string): Promise<void> {
    if (this.#savingEdit === editing.id) return;
    this.#savingEdit = editing.id;
    await this.#try(async () => {
      await api.edit(this.workspace, channel.id, editing.id, text);
      if (this.editing?.id === editing.id) await this.stopEditing();
    });
    this.#savingEdit = null;
  }

  startEditing(message: MessageView | undefined): void {
    if (!message || !message.mine || message.deleted) return;
    this.turnAway();
    this.editing = message;
    this.draft = message.text;
  }

  editLast(): void {
    this.startEditing(this.timeline.messages.findLast((message) => message.mine && !message.deleted));
  }

  async stopEditing(): Promise<void> {
    const [channel, editing] = [this.channel, this.editing];
    await this.#drafts.flush().catch(() => undefined);
    const draft = channel ? await this.#savedText(channel.id) : "";
    // Both at once, and only where it was asked for.
    if (this.channel?.id !== channel?.id || this.editing !== editing) return;
    this.editing = null;
    this.draft = draft;
  }

  /** What waits leaves no tombstone. */
  remove(message: MessageView): Promise<void> {
    if (message.seq === null) return this.discard(message);
    return this.#try(() => api.deleteMessage(this.workspace, message.channel, message.id));
  }

  react(message: MessageView, emoji: string): Promise<void> {
    const on = !message.reactions.some((one) => one.emoji === emoji && one.mine);
    return this.#try(() => api.react(this.workspace, message.channel, message.id, emoji, on));
  }

  retry(message: MessageView): Promise<void> {
    return this.#try(() => api.retry(this.workspace, message.id));
  }

  discard(message: MessageView): Promise<void> {
    return this.#try(() => api.discard(this.workspace, message.id));
  }

  async join(channel: ChannelView): Promise<void> {
    await this.#choose(async () => {
      await api.joinChannel(this.workspace, channel.id);
      await this.refreshChannels();
      return channel;
    });
  }

  async create(name: string, isPrivate: boolean): Promise<ChannelView> {
    const made = await api.createChannel(this.workspace, name, isPrivate);
    await this.refreshChannels();
    return made;
  }

  leaveChannel(channel: ChannelView): Promise<void> {
    return this.#try(async () => {
      await api.leaveChannel(this.workspace, channel.id);
      await this.refreshChannels();
    });
  }

  setTopic(channel: ChannelView, topic: string): Promise<void> {
    return this.#try(async () => {
      await api.setTopic(this.workspace, channel.id, topic);
      await this.refreshChannels();
    });
  }

  async openPerson(person: PersonView): Promise<void> {
    await this.#choose(async () => {
      const made = await api.openDirect(this.workspace, [person.id]);
      await this.refreshChannels();
      return made;
    });
  }

  async refreshPeople(): Promise<void> {
    this.people = distinct(await api.people(this.workspace), (person) => person.id);
  }

  /** Opens what has to be asked for first, unless something else was chosen meanwhile. */
  async #choose(find: () => Promise<ChannelView>): Promise<void> {
    const turn = ++this.#opened;
    this.#opening += 1;
    await this.#try(async () => {
      const channel = await find();
      if (turn === this.#opened) await this.#show(channel, null);
    });
    this.#opening -= 1;
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

// One workspace as it is looked at: its channels, and the timeline of the one that is open.

import { asReport, type ChannelView, type MessageView, type PersonView } from "../api";
import { api } from "../api/backend";
import { DraftKeeper } from "./draft";
import { Timeline } from "./timeline.svelte";

export class Room {
  readonly workspace: string;
  channels = $state<ChannelView[]>([]);
  people = $state<PersonView[]>([]);
  channel = $state<ChannelView | null>(null);
  /** What is shown of the channel; a new one for each visit. */
  timeline = $state.raw<Timeline>(new Timeline(() => Promise.reject(new Error("no channel is open"))));
  draft = $state("");
  editing = $state<MessageView | null>(null);
  problem = $state<string | null>(null);
  #painted = false;
  #drafts: DraftKeeper;

  constructor(workspace: string) {
    this.workspace = workspace;
    this.#drafts = new DraftKeeper((channel, text) => api.saveDraft(workspace, channel, text));
  }

  get joined(): ChannelView[] {
    return this.channels.filter((channel) => channel.joined && channel.kind !== "direct");
  }

  get conversations(): ChannelView[] {
    return this.channels.filter((channel) => channel.kind === "direct");
  }

  async refreshChannels(): Promise<void> {
    this.channels = await api.channels(this.workspace, true);
    // Right after joining nothing is there yet, and a channel one was in may be gone.
    const open = this.channel;
    this.channel = this.channels.find((channel) => channel.id === open?.id) ?? null;
    if (!this.channel) await this.openFirst();
  }

  async openFirst(): Promise<void> {
    const waiting = this.channels.find((channel) => channel.joined && channel.unread > 0);
    const first = waiting ?? this.joined[0] ?? this.conversations[0];
    if (first) await this.open(first);
  }

  /** Opens a channel at its newest messages, or around one of them. */
  async open(channel: ChannelView, seq: number | null = null): Promise<void> {
    await this.#drafts.flush();
    const timeline = new Timeline((window, limit) => api.timeline(this.workspace, channel.id, window, limit));
    const [draft] = await Promise.all([api.draft(this.workspace, channel.id), timeline.open(seq)]);
    this.channel = channel;
    this.timeline = timeline;
    this.draft = draft;
    this.editing = null;
    this.problem = null;
    void this.markRead();
    if (!this.#painted) {
      this.#painted = true;
      requestAnimationFrame(() => requestAnimationFrame(() => void api.painted()));
    }
  }

  async leave(): Promise<void> {
    await this.#drafts.flush();
  }

  async refreshTimeline(): Promise<void> {
    if (!this.channel) return;
    await this.timeline.refresh();
    void this.markRead();
  }

  /** What is in view at the end of the channel is read, when the window has somebody's attention. */
  async markRead(attentive = document.hasFocus()): Promise<void> {
    const [channel, last] = [this.channel, this.timeline.last];
    if (!this.timeline.atEnd || this.timeline.newer || !attentive) return;
    if (!channel?.joined || last <= channel.read) return;
    await api.markRead(this.workspace, channel.id, last).catch(() => undefined);
  }

  typed(text: string): void {
    this.draft = text;
    if (this.channel && !this.editing) this.#drafts.typed(this.channel.id, text);
  }

  turnAway(): void {
    void this.#drafts.flush();
  }

  async send(): Promise<void> {
    const channel = this.channel;
    const text = this.draft.trim();
    if (!channel || text === "") return;
    await this.#try(async () => {
      if (this.editing) {
        const edited = await api.edit(this.workspace, channel.id, this.editing.id, text);
        this.timeline.put(edited);
        await this.stopEditing();
      } else {
        const sent = await api.send(this.workspace, channel.id, text, null);
        // What one writes is seen, also from the middle of the past.
        this.timeline.atEnd = true;
        if (this.timeline.newer) await this.timeline.open();
        else this.timeline.put(sent);
        // Whoever answers has read.
        this.timeline.readAtOpen = this.timeline.last;
        void this.markRead(true);
        this.draft = "";
        this.#drafts.typed(channel.id, "");
        await this.#drafts.flush();
      }
    });
  }

  startEditing(message: MessageView | undefined): void {
    if (!message || !message.mine || message.deleted || message.seq === null) return;
    void this.#drafts.flush();
    this.editing = message;
    this.draft = message.text;
  }

  editLast(): void {
    this.startEditing(
      this.timeline.messages.findLast((message) => message.mine && !message.deleted && message.seq !== null),
    );
  }

  async stopEditing(): Promise<void> {
    this.editing = null;
    this.draft = this.channel ? await api.draft(this.workspace, this.channel.id) : "";
  }

  remove(message: MessageView): Promise<void> {
    return this.#change(() => api.deleteMessage(this.workspace, message.channel, message.id));
  }

  react(message: MessageView, emoji: string): Promise<void> {
    const on = !message.reactions.some((one) => one.emoji === emoji && one.mine);
    return this.#change(() => api.react(this.workspace, message.channel, message.id, emoji, on));
  }

  retry(message: MessageView): Promise<void> {
    return this.#try(() => api.retry(this.workspace, message.id));
  }

  discard(message: MessageView): Promise<void> {
    return this.#try(async () => {
      await api.discard(this.workspace, message.id);
      this.timeline.drop(message.id);
    });
  }

  async join(channel: ChannelView): Promise<void> {
    await this.#try(async () => {
      await api.joinChannel(this.workspace, channel.id);
      await this.refreshChannels();
      await this.open(this.channels.find((one) => one.id === channel.id) ?? channel);
    });
  }

  async create(name: string, isPrivate: boolean): Promise<void> {
    const made = await api.createChannel(this.workspace, name, isPrivate);
    await this.refreshChannels();
    await this.open(made);
  }

  async openPerson(person: PersonView): Promise<void> {
    await this.#try(async () => {
      const made = await api.openDirect(this.workspace, [person.id]);
      await this.refreshChannels();
      await this.open(made);
    });
  }

  async refreshPeople(): Promise<void> {
    this.people = await api.people(this.workspace);
  }

  #change(act: () => Promise<MessageView>): Promise<void> {
    return this.#try(async () => {
      this.timeline.put(await act());
    });
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    this.problem = null;
    try {
      await act();
    } catch (why) {
      const report = asReport(why);
      this.problem = `${report.what}: ${report.why}`;
    }
  }
}

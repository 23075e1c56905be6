// One workspace as it is looked at: its channels, and the timeline of the one that is open.

import { asReport, type ChannelView, type MessageView, type PersonView } from "../api";
import { api } from "../api/backend";
import { merge } from "../lib/timeline";
import { DraftKeeper } from "./draft";

const PAGE = 60;

export class Room {
  readonly workspace: string;
  channels = $state<ChannelView[]>([]);
  people = $state<PersonView[]>([]);
  channel = $state<ChannelView | null>(null);
  messages = $state.raw<MessageView[]>([]);
  older = $state(false);
  fetching = $state(false);
  /** Everything up to this number was read when the channel was opened: where the line stands. */
  readAtOpen = $state(0);
  draft = $state("");
  editing = $state<MessageView | null>(null);
  problem = $state<string | null>(null);
  /** Whether the newest message is in view. Then what arrives is read. */
  atEnd = true;
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
    const open = this.channel;
    if (!open) return;
    this.channel = this.channels.find((channel) => channel.id === open.id) ?? null;
    if (!this.channel) await this.openFirst();
  }

  async openFirst(): Promise<void> {
    const waiting = this.channels.find((channel) => channel.joined && channel.unread > 0);
    const first = waiting ?? this.joined[0] ?? this.conversations[0];
    if (first) await this.open(first);
  }

  async open(channel: ChannelView): Promise<void> {
    await this.#drafts.flush();
    const [page, draft] = await Promise.all([
      api.timeline(this.workspace, channel.id, { at: "latest" }, PAGE),
      api.draft(this.workspace, channel.id),
    ]);
    this.channel = channel;
    this.messages = page.messages;
    this.older = page.older;
    this.fetching = page.fetching;
    this.readAtOpen = page.read;
    this.draft = draft;
    this.editing = null;
    this.problem = null;
    this.atEnd = true;
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
    const channel = this.channel;
    if (!channel) return;
    const shown = this.messages.filter((message) => message.seq !== null).length;
    const page = await api.timeline(
      this.workspace,
      channel.id,
      { at: "latest" },
      Math.max(PAGE, Math.min(shown + PAGE, 400)),
    );
    if (this.channel?.id !== channel.id) return;
    // What waited and is gone was sent or discarded: only what came from the server is kept beside the fresh window.
    const kept = this.messages.filter((message) => message.seq !== null);
    const first = page.messages.find((message) => message.seq !== null)?.seq ?? 0;
    this.messages = merge(
      kept.filter((message) => (message.seq ?? 0) < first),
      page.messages,
    );
    if (kept.length === 0) this.older = page.older;
    this.fetching = page.fetching;
    if (this.atEnd) void this.markRead();
  }

  async loadOlder(): Promise<void> {
    const channel = this.channel;
    const first = this.messages.find((message) => message.seq !== null)?.seq;
    if (!channel || !this.older || first === undefined || first === null) return;
    const page = await api.timeline(this.workspace, channel.id, { at: "before", seq: first }, PAGE);
    if (this.channel?.id !== channel.id) return;
    this.messages = merge(page.messages, this.messages);
    this.older = page.older;
  }

  async markRead(): Promise<void> {
    const channel = this.channel;
    const last = this.messages.findLast((message) => message.seq !== null)?.seq ?? 0;
    if (!channel?.joined || last <= channel.read || !document.hasFocus()) return;
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
        this.messages = merge(this.messages, [edited]);
        await this.stopEditing();
      } else {
        const sent = await api.send(this.workspace, channel.id, text, null);
        this.messages = merge(this.messages, [sent]);
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
      this.messages.findLast((message) => message.mine && !message.deleted && message.seq !== null),
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
      this.messages = this.messages.filter((one) => one.id !== message.id);
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
      this.messages = merge(this.messages, [await act()]);
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

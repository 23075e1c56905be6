// For tests: a backend whose answers come when the test lets them.

import type {
  Api,
  Around,
  ChannelView,
  DraftView,
  EarlierDraftView,
  MessageView,
  TimelineQuery,
} from "../api";
import { asking } from "../api/asking";
import { useBackend } from "../api/backend";
import { memory } from "../api/memory";

/** An answer that is given, or refused, from outside. */
export class Later<T> {
  give: (value: T) => void = () => undefined;
  refuse: (why: unknown) => void = () => undefined;
  readonly answer = new Promise<T>((resolve, reject) => {
    this.give = resolve;
    this.refuse = reject;
  });
}

export interface Page {
  rows: MessageView[];
  about: Around;
}

interface Watched {
  /** What the list of channels is when it is asked for. */
  channels?: (workspace: string) => Promise<ChannelView[]>;
  /** What a part of a channel is. */
  timeline?: (query: TimelineQuery) => Promise<Page>;
}

/** The backend in memory, with some of its methods replaced. What comes back tells those that watch that something changed. */
export function fake({ channels, timeline, ...replaced }: Partial<Api> & Watched): () => void {
  const drafts = new Map<string, string>();
  const send = replaced.send;
  const changes = new Set<() => void>();
  const unread = { messages: 0, mentions: 0 };
  useBackend({
    ...memory(new URLSearchParams()),
    ...(channels && {
      watchChannels: asking(changes, async ({ workspace }) => ({
        rows: await channels(workspace),
        about: unread,
      })),
    }),
    ...(timeline && { watchTimeline: asking(changes, timeline) }),
    draft: async (_, channel) => draftOf(channel, drafts.get(channel) ?? ""),
    saveDraft: async (_, channel, _thread, text) => void drafts.set(channel, text),
    ...replaced,
    // As the real one does: what is sent is no draft any longer.
    ...(send && {
      send: async (workspace, channel, text, thread) => {
        const sent = await send(workspace, channel, text, thread);
        if (drafts.get(channel)?.trim() === text) drafts.delete(channel);
        return sent;
      },
    }),
  });
  return () => changes.forEach((tell) => tell());
}

export const draftOf = (channel: string, text: string, earlier: EarlierDraftView[] = []): DraftView => ({
  channel,
  thread: null,
  text,
  at: 0,
  state: "synced",
  earlier,
});

export const channelOf = (id: string, more: Partial<ChannelView> = {}): ChannelView =>
  ({ id, name: id, kind: "public", joined: true, unread: 0, read: 0, ...more }) as ChannelView;

export const messageOf = (id: string, seq: number | null, more: Partial<MessageView> = {}): MessageView =>
  ({
    id,
    seq,
    at: seq ?? 999,
    text: id,
    mine: true,
    state: seq === null ? "pending" : "sent",
    ...more,
  }) as MessageView;

export const page = (...messages: MessageView[]): Page => ({
  rows: messages,
  about: { older: false, newer: false, fetching: false, read: 0 },
});

/** Lets everything happen that waits for nothing. */
export const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

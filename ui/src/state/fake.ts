// For tests: a backend whose answers come when the test lets them.

import type { Api, ChannelView, MessageView, TimelineView } from "../api";
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

/** The backend in memory, with some of its methods replaced. */
export function fake(replaced: Partial<Api>): void {
  const drafts = new Map<string, string>();
  const send = replaced.send;
  useBackend({
    ...memory(new URLSearchParams()),
    draft: async (_, channel) => drafts.get(channel) ?? "",
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
}

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

export const page = (...messages: MessageView[]): TimelineView => ({
  messages,
  older: false,
  newer: false,
  fetching: false,
  read: 0,
});

/** Lets everything happen that waits for nothing. */
export const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

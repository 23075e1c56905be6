// How messages become what a timeline shows: days, groups by author, and the line at the first unread.

import type { MessageView } from "../api";

const TOGETHER = 5 * 60 * 1000;

export type Entry =
  | { kind: "day"; key: string; at: number }
  | { kind: "new"; key: string }
  | { kind: "message"; key: string; message: MessageView; first: boolean };

/** Oldest first. `read` is the number up to which everything was read when the channel was opened. */
export function entries(messages: MessageView[], read: number): Entry[] {
  const out: Entry[] = [];
  let before: MessageView | null = null;
  let marked = false;
  for (const message of messages) {
    if (!before || dayOf(before.at) !== dayOf(message.at)) {
      out.push({ kind: "day", key: `day-${dayOf(message.at)}-${message.id}`, at: message.at });
      before = null;
    }
    const unread = message.seq !== null && message.seq > read && !message.mine;
    if (!marked && unread) {
      marked = true;
      // A line above the very first message of a channel would separate nothing.
      if (out.some((entry) => entry.kind === "message")) {
        out.push({ kind: "new", key: "new" });
        before = null;
      }
    }
    const together =
      before !== null && before.author.id === message.author.id && message.at - before.at < TOGETHER;
    out.push({ kind: "message", key: message.id, message, first: !together });
    before = message;
  }
  return out;
}

function dayOf(at: number): string {
  const day = new Date(at);
  return `${day.getFullYear()}-${day.getMonth()}-${day.getDate()}`;
}

/** Two letters for a person without a picture. */
export function initials(name: string): string {
  const words = name.split(/[\s_.-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")];
  const last = words.length > 1 ? [...(words[words.length - 1] ?? "")] : [];
  return ((first[0] ?? "?") + (last[0] ?? first[1] ?? "")).toUpperCase();
}

/** One of eight colours, the same for a person everywhere. */
export function hue(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % 8;
}

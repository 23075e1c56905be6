// Folds a batch of events into what has to be asked again, so that a hundred events cost one look each. What is watched needs none.

import type { ClientEvent } from "../api";

export interface Stale {
  workspaces: boolean;
  draft: boolean;
  /** Something in the channel of the thread that is looked at; all of it only where it may have been missed. */
  thread: false | "here" | "server";
}

export function fold(
  events: ClientEvent[],
  workspace: string | null,
  channel: string | null,
  threadIn: string | null = null,
): Stale {
  const stale: Stale = { workspaces: false, draft: false, thread: false };
  for (const event of events) {
    if (event.event === "messages" || event.event === "draft") {
      if (event.workspace === workspace && event.channel === threadIn) stale.thread ||= "here";
    } else if (event.event === "connection" && event.workspace === workspace && threadIn !== null)
      stale.thread = "server";
    switch (event.event) {
      case "workspaces":
      case "connection":
      case "channels":
      case "messages":
        stale.workspaces = true;
        break;
      case "draft":
        stale.draft ||= event.workspace === workspace && event.channel === channel && event.thread === null;
        break;
      case "resync":
        return { workspaces: true, draft: true, thread: "server" };
    }
  }
  return stale;
}

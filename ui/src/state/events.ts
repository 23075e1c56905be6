// Folds a batch of events into what has to be asked again, so that a hundred events cost one look each. What is watched needs none.

import type { ClientEvent } from "../api";

export interface Stale {
  workspaces: boolean;
  draft: boolean;
}

export function fold(events: ClientEvent[], workspace: string | null, channel: string | null): Stale {
  const stale: Stale = { workspaces: false, draft: false };
  for (const event of events) {
    switch (event.event) {
      case "workspaces":
      case "connection":
      case "channels":
      case "messages":
        stale.workspaces = true;
        break;
      case "draft":
        stale.draft ||= event.workspace === workspace && event.channel === channel;
        break;
      case "resync":
        return { workspaces: true, draft: true };
    }
  }
  return stale;
}

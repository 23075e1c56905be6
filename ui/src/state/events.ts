// Folds a batch of events into what has to be asked again, so that a hundred events cost one look each.

import type { ClientEvent } from "../api";

/** How many batches were heard. Whoever asks for much can see whether anything happened meanwhile. */
export const heard = { batches: 0 };

export interface Stale {
  workspaces: boolean;
  channels: boolean;
  timeline: boolean;
  draft: boolean;
}

export function fold(events: ClientEvent[], workspace: string | null, channel: string | null): Stale {
  const stale: Stale = { workspaces: false, channels: false, timeline: false, draft: false };
  for (const event of events) {
    switch (event.event) {
      case "workspaces":
      case "connection":
        stale.workspaces = true;
        break;
      case "channels":
        stale.workspaces = true;
        stale.channels ||= event.workspace === workspace;
        break;
      case "messages":
        stale.workspaces = true;
        stale.channels ||= event.workspace === workspace;
        stale.timeline ||= event.workspace === workspace && event.channel === channel;
        break;
      case "draft":
        stale.draft ||= event.workspace === workspace && event.channel === channel;
        break;
      case "resync":
        return { workspaces: true, channels: true, timeline: true, draft: true };
    }
  }
  return stale;
}

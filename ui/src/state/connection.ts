// Which workspaces count as offline. An attempt to connect is not yet a connection: the bar stays until there is one.

import type { WorkspaceView } from "../api";

export function offlineNow(before: ReadonlySet<string>, workspaces: WorkspaceView[]): Set<string> {
  const still = workspaces.filter(({ id, connection }) =>
    connection.state === "connecting" ? before.has(id) : connection.state === "offline",
  );
  return new Set(still.map(({ id }) => id));
}

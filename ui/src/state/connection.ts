// Which workspaces count as offline. An attempt to connect is not yet a connection: the bar stays until there is one.

import type { Connection, Reason, WorkspaceView } from "../api";

export function offlineNow(before: ReadonlySet<string>, workspaces: WorkspaceView[]): Set<string> {
  const still = workspaces.filter(({ id, connection }) =>
    connection.state === "connecting" ? before.has(id) : connection.state === "offline",
  );
  return new Set(still.map(({ id }) => id));
}

/** Why one is offline. An attempt under way tells nothing yet: what the one before it met stands meanwhile. */
export function reasonNow(before: Reason | null, connection: Connection | undefined): Reason | null {
  if (connection?.state === "connecting") return before;
  if (connection?.state !== "offline" || connection.reason === "starting") return null;
  return connection.reason;
}

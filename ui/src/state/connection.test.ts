import { expect, test } from "vitest";
import type { Connection, Reason, WorkspaceView } from "../api";
import { offlineNow, reasonNow } from "./connection";

const workspace = (state: string) => [{ id: "w", connection: { state } } as WorkspaceView];

test("a workspace stays offline while it tries to connect, and only then", () => {
  let offline = offlineNow(new Set(), workspace("connecting"));
  expect(offline.has("w")).toBe(false);
  offline = offlineNow(offline, workspace("offline"));
  offline = offlineNow(offline, workspace("connecting"));
  expect(offline.has("w")).toBe(true);
  for (const over of ["syncing", "online", "identity_changed", "signed_out"]) {
    expect(offlineNow(offline, workspace(over)).has("w")).toBe(false);
  }
});

test("why one is offline is said until one is not, also while it is tried again", () => {
  const offline = (reason: Reason): Connection => ({ state: "offline", why: "", retry_in: 0, reason });
  let reason = reasonNow(null, offline("starting"));
  expect(reason).toBe(null);
  reason = reasonNow(reason, offline("portal"));
  reason = reasonNow(reason, { state: "connecting" });
  expect(reason).toBe("portal");
  expect(reasonNow(reason, offline("disk_full"))).toBe("disk_full");
  expect(reasonNow(reason, { state: "online" })).toBe(null);
  expect(reasonNow(reason, undefined)).toBe(null);
});

import { expect, test } from "vitest";
import type { WorkspaceView } from "../api";
import { offlineNow } from "./connection";

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

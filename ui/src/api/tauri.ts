// The desktop backend: one command of the shell for each method.

import { invoke } from "@tauri-apps/api/core";
import type { Api, Told, Watcher } from "./index";

/** A watch of the shell, which tells the first answer with its number. */
function watcher<Q extends object, T, A>(kind: string): Watcher<Q, T, A> {
  const named = (query: Q) => ({ watch: kind, ...query });
  return async (query) => {
    const begun = await invoke<{ watch: number; told: Told<T, A> | null }>("watch", { query: named(query) });
    const watch = begun.watch;
    let first: Told<T, A> | null | undefined = begun.told;
    return {
      next: async () => {
        const told = first === undefined ? await invoke<Told<T, A> | null>("watch_next", { watch }) : first;
        first = undefined;
        return told;
      },
      turn: (query, turn) => invoke("watch_turn", { watch, turn, query: named(query) }),
      end: () => invoke("watch_end", { watch }),
    };
  };
}

export const desktop: Api = {
  profileState: () => invoke("profile_state"),
  unlock: (passphrase) => invoke("unlock", { passphrase }),
  createProfile: (passphrase) => invoke("create_profile", { passphrase }),
  setAside: () => invoke("set_aside"),
  repair: (passphrase) => invoke("repair", { passphrase }),
  restoreWithCode: (code, passphrase) => invoke("restore_with_code", { code, passphrase }),
  wipe: () => invoke("wipe"),
  lock: () => invoke("lock"),
  active: () => invoke("active"),
  lockAfter: () => invoke("lock_after"),
  setLockAfter: (minutes) => invoke("set_lock_after", { minutes }),
  ways: () => invoke("ways"),
  makeRecoveryCode: () => invoke("make_recovery_code"),
  setPassphrase: (passphrase) => invoke("set_passphrase", { passphrase }),
  dropWay: (way) => invoke("drop_way", { way }),
  moveToSecureStorage: () => invoke("move_to_secure_storage"),
  moveToPassphrase: (passphrase) => invoke("move_to_passphrase", { passphrase }),
  unsent: () => invoke("unsent"),
  storage: () => invoke("storage"),
  keep: (days, bytes) => invoke("keep", { days, bytes }),
  network: () => invoke("network"),
  setNetwork: (proxy, orDirect, user, password) => invoke("set_network", { proxy, orDirect, user, password }),
  walk: (workspace) => invoke("walk", { workspace }),
  contact: (address) => invoke("contact", { address }),
  join: (invite, name, password, pin) => invoke("join", { invite, name, password, pin }),
  login: (address, name, password, pin) => invoke("login", { address, name, password, pin }),
  workspaces: () => invoke("workspaces"),
  reconnect: (workspace) => invoke("reconnect", { workspace }),
  letDamagedGo: (workspace) => invoke("let_damaged_go", { workspace }),
  signOut: (workspace) => invoke("sign_out", { workspace }),
  identity: (workspace) => invoke("identity", { workspace }),
  acceptIdentity: (workspace, confirmation) => invoke("accept_identity", { workspace, confirmation }),
  watchChannels: watcher("channels"),
  watchTimeline: watcher("timeline"),
  watchSearch: watcher("search"),
  people: (workspace) => invoke("people", { workspace }),
  createChannel: (workspace, name, isPrivate) =>
    invoke("create_channel", { workspace, name, private: isPrivate }),
  joinChannel: (workspace, channel) => invoke("join_channel", { workspace, channel }),
  leaveChannel: (workspace, channel) => invoke("leave_channel", { workspace, channel }),
  setTopic: (workspace, channel, topic) => invoke("set_topic", { workspace, channel, topic }),
  openDirect: (workspace, people) => invoke("open_direct", { workspace, people }),
  send: (workspace, channel, text, thread) => invoke("send", { workspace, channel, text, thread }),
  thread: (workspace, channel, id, limit, ask) => invoke("thread", { workspace, channel, id, limit, ask }),
  edit: (workspace, channel, id, text) => invoke("edit", { workspace, channel, id, text }),
  deleteMessage: (workspace, channel, id) => invoke("delete_message", { workspace, channel, id }),
  react: (workspace, channel, id, emoji, on) => invoke("react", { workspace, channel, id, emoji, on }),
  retry: (workspace, id) => invoke("retry", { workspace, id }),
  discard: (workspace, id) => invoke("discard", { workspace, id }),
  markRead: (workspace, channel, seq) => invoke("mark_read", { workspace, channel, seq }),
  draft: (workspace, channel, thread) => invoke("draft", { workspace, channel, thread }),
  saveDraft: (workspace, channel, thread, text) => invoke("save_draft", { workspace, channel, thread, text }),
  forgetDraft: (workspace, number) => invoke("forget_draft", { workspace, number }),
  find: (workspace, typed) => invoke("find", { workspace, typed }),
  saveFile: (workspace, file) => invoke("save_file", { workspace, file }),
  nextEvents: () => invoke("next_events"),
  painted: () => invoke("painted"),
  left: () => invoke("left"),
  stay: () => invoke("stay"),
  openLink: (url) => invoke("open_link", { url }),
};

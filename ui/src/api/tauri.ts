// The desktop backend: one command of the shell for each method.

import { invoke } from "@tauri-apps/api/core";
import type { Api } from "./index";

export const desktop: Api = {
  profileState: () => invoke("profile_state"),
  unlock: (passphrase) => invoke("unlock", { passphrase }),
  createProfile: (passphrase) => invoke("create_profile", { passphrase }),
  setAside: () => invoke("set_aside"),
  repair: (passphrase) => invoke("repair", { passphrase }),
  restoreWithCode: (code) => invoke("restore_with_code", { code }),
  contact: (address) => invoke("contact", { address }),
  join: (invite, name, password, pin) => invoke("join", { invite, name, password, pin }),
  login: (address, name, password, pin) => invoke("login", { address, name, password, pin }),
  workspaces: () => invoke("workspaces"),
  reconnect: (workspace) => invoke("reconnect", { workspace }),
  signOut: (workspace) => invoke("sign_out", { workspace }),
  identity: (workspace) => invoke("identity", { workspace }),
  acceptIdentity: (workspace, confirmation) => invoke("accept_identity", { workspace, confirmation }),
  channels: (workspace, all) => invoke("channels", { workspace, all }),
  people: (workspace) => invoke("people", { workspace }),
  createChannel: (workspace, name, isPrivate) =>
    invoke("create_channel", { workspace, name, private: isPrivate }),
  joinChannel: (workspace, channel) => invoke("join_channel", { workspace, channel }),
  leaveChannel: (workspace, channel) => invoke("leave_channel", { workspace, channel }),
  setTopic: (workspace, channel, topic) => invoke("set_topic", { workspace, channel, topic }),
  openDirect: (workspace, people) => invoke("open_direct", { workspace, people }),
  timeline: (workspace, channel, window, limit) => invoke("timeline", { workspace, channel, window, limit }),
  send: (workspace, channel, text, thread) => invoke("send", { workspace, channel, text, thread }),
  edit: (workspace, channel, id, text) => invoke("edit", { workspace, channel, id, text }),
  deleteMessage: (workspace, channel, id) => invoke("delete_message", { workspace, channel, id }),
  react: (workspace, channel, id, emoji, on) => invoke("react", { workspace, channel, id, emoji, on }),
  retry: (workspace, id) => invoke("retry", { workspace, id }),
  discard: (workspace, id) => invoke("discard", { workspace, id }),
  markRead: (workspace, channel, seq) => invoke("mark_read", { workspace, channel, seq }),
  draft: (workspace, channel, thread) => invoke("draft", { workspace, channel, thread }),
  saveDraft: (workspace, channel, thread, text) => invoke("save_draft", { workspace, channel, thread, text }),
  find: (workspace, typed, here) => invoke("find", { workspace, typed, here }),
  saveFile: (workspace, file) => invoke("save_file", { workspace, file }),
  nextEvents: () => invoke("next_events"),
  painted: () => invoke("painted"),
  openLink: (url) => invoke("open_link", { url }),
};

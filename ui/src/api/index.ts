// The one boundary between what is shown and what is done. State calls it; a view does only for a question of its own,
// such as a search, whose answer nothing else shows.

import type {
  Around,
  Changed,
  ChannelView,
  ClientEvent,
  ContactView,
  DraftView,
  ErrorReport,
  FoundView,
  HitView,
  Hop,
  IdentityView,
  KeyState,
  Looked,
  MessageView,
  NetworkView,
  PersonView,
  StorageView,
  ThreadView,
  Unread,
  UnsentView,
  WaysView,
  Window as TimelineWindow,
  WorkspaceView,
} from "./generated";

export type * from "./generated";
export type { TimelineWindow };

export interface ProfileState {
  state: KeyState;
  /** A passphrase opens it, whatever secure storage says. */
  passphrase: boolean;
  /** So does a recovery code. */
  recovery?: boolean;
  detail: ErrorReport | null;
}

export interface TimelineQuery {
  workspace: string;
  channel: string;
  window: TimelineWindow;
  limit: number;
}

export interface SearchTyped {
  workspace: string;
  typed: string;
}

/** What was turned to last, and the steps to what is shown there now. */
export interface Told<T, A> {
  turn: number;
  changed: Changed<T, A>;
}

/** A list that is watched. */
export interface Watch<Q, T, A> {
  /** Waits for the next steps, the first time for the whole list; null once it has ended. */
  next(): Promise<Told<T, A> | null>;
  /** Looks at something else from now on. Of several turns the highest counts. */
  turn(query: Q, turn: number): Promise<void>;
  end(): Promise<void>;
}

export type Watcher<Q, T, A> = (query: Q) => Promise<Watch<Q, T, A>>;

/** Every promise rejects with an ErrorReport. Ids are strings, times Unix milliseconds. */
export interface Api {
  profileState(): Promise<ProfileState>;
  unlock(passphrase: string | null): Promise<ProfileState>;
  createProfile(passphrase: string | null): Promise<void>;
  setAside(): Promise<string>;
  repair(passphrase: string | null): Promise<void>;
  /** From then on it opens by a new key in secure storage, or by this passphrase. */
  restoreWithCode(code: string, passphrase: string | null): Promise<void>;
  /** Signs out everywhere and destroys all of the profile. */
  wipe(): Promise<void>;
  lock(): Promise<void>;
  /** A person did something. */
  active(): Promise<void>;
  /** Minutes without anybody until the profile is locked; null for never. */
  lockAfter(): Promise<number | null>;
  setLockAfter(minutes: number | null): Promise<void>;
  ways(): Promise<WaysView>;
  /** Shown once. */
  makeRecoveryCode(): Promise<string>;
  setPassphrase(passphrase: string): Promise<void>;
  dropWay(way: "passphrase" | "recovery"): Promise<void>;
  moveToSecureStorage(): Promise<void>;
  moveToPassphrase(passphrase: string): Promise<void>;
  /** What is on this device and nowhere else. */
  unsent(): Promise<UnsentView>;
  storage(): Promise<StorageView>;
  keep(days: number | null, bytes: number | null): Promise<void>;
  network(): Promise<NetworkView>;
  /** Without a password the one before stays, for the same name at the same proxy. */
  setNetwork(proxy: string, orDirect: boolean, user: string | null, password: string | null): Promise<void>;
  /** The steps of the way to a workspace's server; takes some seconds. */
  walk(workspace: string): Promise<Hop[]>;
  contact(address: string): Promise<ContactView>;
  join(invite: string, name: string, password: string, pin: string | null): Promise<WorkspaceView>;
  login(address: string, name: string, password: string, pin: string | null): Promise<WorkspaceView>;
  workspaces(): Promise<WorkspaceView[]>;
  reconnect(workspace: string): Promise<void>;
  letDamagedGo(workspace: string): Promise<boolean>;
  signOut(workspace: string): Promise<void>;
  identity(workspace: string): Promise<IdentityView>;
  acceptIdentity(workspace: string, confirmation: string): Promise<IdentityView>;
  watchChannels: Watcher<{ workspace: string }, ChannelView, Unread>;
  watchTimeline: Watcher<TimelineQuery, MessageView, Around>;
  watchSearch: Watcher<SearchTyped, HitView, Looked>;
  people(workspace: string): Promise<PersonView[]>;
  createChannel(workspace: string, name: string, isPrivate: boolean): Promise<ChannelView>;
  joinChannel(workspace: string, channel: string): Promise<void>;
  leaveChannel(workspace: string, channel: string): Promise<void>;
  setTopic(workspace: string, channel: string, topic: string): Promise<void>;
  openDirect(workspace: string, people: string[]): Promise<ChannelView>;
  send(workspace: string, channel: string, text: string, thread: string | null): Promise<MessageView>;
  /** The newest answers of a thread, by any message of it; only with `ask` the server is asked for what is missing here. */
  thread(workspace: string, channel: string, id: string, limit: number, ask: boolean): Promise<ThreadView>;
  edit(workspace: string, channel: string, id: string, text: string): Promise<MessageView>;
  deleteMessage(workspace: string, channel: string, id: string): Promise<MessageView>;
  react(workspace: string, channel: string, id: string, emoji: string, on: boolean): Promise<MessageView>;
  retry(workspace: string, id: string): Promise<void>;
  discard(workspace: string, id: string): Promise<void>;
  markRead(workspace: string, channel: string, seq: number): Promise<void>;
  draft(workspace: string, channel: string, thread: string | null): Promise<DraftView | null>;
  saveDraft(workspace: string, channel: string, thread: string | null, text: string): Promise<void>;
  /** Lets go of what another device had typed. */
  forgetDraft(workspace: string, number: number): Promise<void>;
  /** Finds on the server, too, what is not on this device. */
  find(workspace: string, typed: string): Promise<FoundView>;
  /** Into the folder for downloads; tells where it is. */
  saveFile(workspace: string, file: string): Promise<string>;
  nextEvents(): Promise<ClientEvent[]>;
  painted(): Promise<void>;
  /** All that was typed is saved: the program can end. */
  left(): Promise<void>;
  /** Something could not be saved, and was told: the window stays until it is closed again. */
  stay(): Promise<void>;
  openLink(url: string): Promise<void>;
}

/** Whatever was thrown, as something a person can be told. */
export function asReport(why: unknown): ErrorReport {
  if (typeof why === "object" && why !== null && "what" in why) return why as ErrorReport;
  return {
    error: "internal",
    code: 70,
    what: "something went wrong",
    why: String(why),
    do: "",
    seconds: null,
  };
}

/** The same as one line: what, why, and what may help. */
export function told(why: unknown): string {
  const report = asReport(why);
  return `${report.what}: ${report.why}${report.do ? `; ${report.do}` : ""}`;
}

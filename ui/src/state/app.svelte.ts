// Where the window stands: the profile's key, first run, or a workspace.

import {
  asReport,
  told,
  type ClientEvent,
  type ErrorReport,
  type ProfileState,
  type WorkspaceView,
} from "../api";
import { api } from "../api/backend";
import { distinct } from "../lib/distinct";
import { t } from "../text";
import { offlineNow } from "./connection";
import type { DraftKeeper } from "./draft";
import { fold } from "./events";
import { stateOf, type KeyScreen } from "./key";
import { draftsOf, Room } from "./room.svelte";

export type Screen = "opening" | "key" | "first-run" | "workspace";
export type Panel = "none" | "search" | "identity" | "device" | "thread";
export type Dialog = "none" | "create" | "browse" | "switcher";

/** How often a person who does something is told of, in milliseconds. */
const ACTIVE_EVERY = 10_000;

/** How long a warning counts as heard, in milliseconds. */
const WARNING = 60_000;

/** Loaded anew, the page forgets all that it showed. */
const leavePage = (): void => location.reload();

export class App {
  screen = $state<Screen>("opening");
  key = $state<KeyScreen>("failed");
  problem = $state<ErrorReport | null>(null);
  /** Why the key is in its state: part of its screen, where a problem is what came of something one tried there. */
  reason = $state("");
  /** Something that a key screen offers is under way. */
  busy = $state(false);
  /** There is no profile yet: making one failed. */
  creating = $state(false);
  /** A passphrase opens the profile, whatever secure storage says; so does a recovery code. */
  hasPassphrase = $state(false);
  hasRecovery = $state(false);
  /** A repair was refused because it needs the profile's passphrase. */
  repairAsks = $state(false);
  workspaces = $state<WorkspaceView[]>([]);
  /** The workspaces that are offline, or were and do not connect again yet. */
  offline = $state.raw<ReadonlySet<string>>(new Set());
  room = $state<Room | null>(null);
  panel = $state<Panel>("none");
  dialog = $state<Dialog>("none");
  /** The full stop of a changed identity was looked at and left standing. */
  stopSeen = $state(false);
  setAsideFolder = $state<string | null>(null);
  theme = $state<string>("system");
  /** What was typed in each workspace. It outlives the room: what could not be saved is nowhere else. */
  #drafts = new Map<string, DraftKeeper>();
  /** When somebody was told last that locking or closing loses what was typed. */
  #warned = -WARNING;
  #listening = false;
  #shutting = false;
  #active = 0;
  /** Counts what was chosen to be looked at: only the latest is shown. */
  #chosen = 0;

  get workspace(): WorkspaceView | null {
    return this.workspaces.find((one) => one.id === this.room?.workspace) ?? null;
  }

  start(): Promise<void> {
    return this.#alone(async () => {
      try {
        // Asked for together: a profile that is open has been opened while the page was loaded.
        const early = api.workspaces().catch(() => null);
        await this.#profile(await api.profileState(), early);
      } catch (why) {
        this.#failed(why);
      }
    });
  }

  /** One at a time: a second click on a key screen does nothing. */
  async #alone(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    await act().finally(() => (this.busy = false));
  }

  /** What cannot be shown at all is said, with what may mend it. */
  #failed(why: unknown): void {
    this.problem = asReport(why);
    this.#key(stateOf(this.problem.error));
  }

  async #profile(
    answer: ProfileState,
    early: Promise<WorkspaceView[] | null> = Promise.resolve(null),
  ): Promise<void> {
    this.problem = null;
    this.hasPassphrase = answer.passphrase;
    this.hasRecovery = answer.recovery ?? false;
    if (answer.state === "ready") await this.#opened(early);
    else if (answer.state === "absent") await this.#create(null);
    else {
      this.#key(answer.detail ? stateOf(answer.detail.error, answer.state) : answer.state);
      if (this.key === "passphrase" || this.key === "failed") this.problem = answer.detail;
      else this.reason = answer.detail?.why ?? "";
    }
  }

  #key(state: KeyScreen): void {
    this.key = state;
    this.reason = "";
    this.creating = false;
    if (state !== "corrupt") this.repairAsks = false;
    this.screen = "key";
  }

  /** What a key screen offers. A failure stays on the screen, with its reason. */
  offer(act: () => Promise<unknown>): Promise<void> {
    return this.#alone(async () => {
      this.problem = null;
      try {
        await act();
        await this.#profile(await api.profileState());
      } catch (why) {
        this.problem = asReport(why);
      }
    });
  }

  unlock(passphrase: string | null): Promise<void> {
    return this.#alone(async () => {
      this.problem = null;
      try {
        const answer = await api.unlock(passphrase);
        // What was mistyped is typed again, where it was.
        if (passphrase !== null && answer.detail?.error === "wrong_key") this.problem = answer.detail;
        else await this.#profile(answer);
      } catch (why) {
        this.problem = asReport(why);
      }
    });
  }

  createProfile(passphrase: string | null): Promise<void> {
    return this.#alone(() => this.#create(passphrase));
  }

  async #create(passphrase: string | null): Promise<void> {
    try {
      await api.createProfile(passphrase);
    } catch (why) {
      this.#failed(why);
      this.creating = true;
      return;
    }
    await this.#opened();
  }

  setAside(): Promise<void> {
    return this.offer(async () => {
      this.setAsideFolder = await api.setAside();
    });
  }

  async repair(passphrase: string | null): Promise<void> {
    await this.offer(() => api.repair(passphrase));
    if (this.problem?.error === "locked") this.repairAsks = true;
  }

  async #opened(early: Promise<WorkspaceView[] | null> = Promise.resolve(null)): Promise<void> {
    this.problem = null;
    this.repairAsks = false;
    try {
      this.#take((await early) ?? (await api.workspaces()));
      const first = this.workspaces[0];
      if (!first) this.screen = "first-run";
      else await this.enter(first.id);
    } catch (why) {
      this.#failed(why);
    }
    if (!this.#listening) {
      this.#listening = true;
      void this.#listen();
    }
  }

  /** Goes to a workspace. Of several, the last one chosen is shown. */
  async enter(workspace: string): Promise<void> {
    const turn = ++this.#chosen;
    const unsaved = (await this.room?.leave()) ?? null;
    const drafts = this.#drafts.get(workspace) ?? draftsOf(workspace);
    this.#drafts.set(workspace, drafts);
    const room = new Room(workspace, drafts);
    try {
      await room.refreshChannels();
    } catch (why) {
      room.end();
      if (turn === this.#chosen) throw why;
    }
    if (turn !== this.#chosen) return room.end();
    if (unsaved) room.problem = unsaved;
    this.room?.end();
    this.room = room;
    this.stopSeen = false;
    this.setAsideFolder = null;
    this.screen = "workspace";
  }

  /** The same from a view: a workspace that cannot be shown leaves the present one, with the reason. */
  async choose(workspace: string): Promise<void> {
    const room = this.room;
    try {
      await this.enter(workspace);
    } catch (why) {
      if (room) room.problem = told(why);
    }
  }

  /** Removes this device from the workspace that is shown. */
  async signOut(): Promise<void> {
    const room = this.room;
    if (!room) return;
    try {
      await api.signOut(room.workspace);
      this.panel = "none";
      await this.refreshWorkspaces();
    } catch (why) {
      room.problem = told(why);
    }
  }

  /** To the first run, for another workspace or to sign in again. */
  addWorkspace(): void {
    this.#chosen += 1;
    this.screen = "first-run";
  }

  /** From the first run back to the workspace one came from. */
  async turnBack(): Promise<void> {
    const room = this.room;
    if (!room) return;
    this.screen = "workspace";
    try {
      await this.refreshWorkspaces();
    } catch (why) {
      room.problem = told(why);
    }
  }

  async refreshWorkspaces(): Promise<void> {
    this.#take(await api.workspaces());
    if (this.screen !== "workspace") return;
    // A later change is shown again, however often an earlier one was looked at.
    if (this.workspace?.connection.state !== "identity_changed") this.stopSeen = false;
    if (!this.workspaces.some((one) => one.id === this.room?.workspace)) {
      this.room?.end();
      this.room = null;
      const first = this.workspaces[0];
      if (first) await this.enter(first.id);
      else this.screen = "first-run";
    }
  }

  #take(told: WorkspaceView[]): void {
    const workspaces = distinct(told, (workspace) => workspace.id);
    this.workspaces = workspaces;
    for (const id of this.#drafts.keys())
      if (!workspaces.some((one) => one.id === id)) this.#drafts.delete(id);
    this.offline = offlineNow(this.offline, workspaces);
  }

  /** What exists on this device only turned out to be damaged while it was in use: the same screen as at the start. */
  #damaged({ file, why }: { file: string; why: string }): void {
    this.problem = { error: "corrupt", code: 24, what: file, why, do: "", seconds: null };
    this.#key("corrupt");
  }

  /** Lets go of what can be read of a damaged cache that is being rebuilt. */
  async letDamagedGo(workspace: string): Promise<void> {
    try {
      await api.letDamagedGo(workspace);
      await this.refreshWorkspaces();
    } catch (why) {
      if (this.room) this.room.problem = told(why);
    }
  }

  async #listen(): Promise<void> {
    let missed = false;
    for (;;) {
      try {
        const events: ClientEvent[] = missed ? [{ event: "resync" }] : await api.nextEvents();
        // None at all: the profile was closed.
        if (events.length === 0) await this.#shut();
        else await this.#hear(events);
        missed = false;
      } catch (why) {
        // What could not be asked is asked again. While the profile is closed there is nothing to hear.
        missed = true;
        if (asReport(why).code === 21) await this.#shut().catch(() => undefined);
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
  }

  /** The profile is closed: if it was locked, or wiped, nothing of it stays in the page either. */
  async #shut(): Promise<void> {
    if (this.busy || this.screen === "key") return;
    // Nothing can be typed that would be lost, however long closing takes.
    const before = this.screen;
    this.screen = "opening";
    this.#shutting = true;
    let locked = false;
    try {
      locked = (await api.profileState()).state !== "ready";
      if (locked) leavePage();
      // Open again already: what was watched ended with the one before.
      else if (this.room) await this.enter(this.room.workspace);
    } finally {
      this.#shutting = locked;
      if (this.screen === "opening" && !locked) this.screen = before;
    }
  }

  /** Saves what was typed anywhere; answers why that could not be done, if so. */
  async #save(): Promise<string | null> {
    const saved = [...this.#drafts.values()].map((drafts) => drafts.flush().then(() => null, told));
    return (await Promise.all(saved)).find((why) => why !== null) ?? null;
  }

  /** What cannot be saved is lost with the lock: that is said first, and who locks again means it. */
  async lock(): Promise<void> {
    const why = await this.#save();
    if (why && this.#warn(t("lockUnsaved", { why }))) return;
    try {
      await api.lock();
    } catch (why) {
      if (this.room) this.room.problem = told(why);
    }
  }

  /** Somebody closed the window: what was typed last goes to the disk first. What cannot be saved keeps it open, once. */
  async leave(): Promise<void> {
    const why = await this.#save();
    if (!why || !this.#warn(t("leaveUnsaved", { why }))) return api.left();
    await api.stay();
  }

  /** Says what would be lost. Who was told of it a moment ago means it. */
  #warn(text: string): boolean {
    if (!this.room || this.screen !== "workspace" || performance.now() - this.#warned <= WARNING)
      return false;
    this.#warned = performance.now();
    this.room.problem = text;
    return true;
  }

  /** Signs out everywhere and destroys all of the profile; what can be said of it then is a new profile's first run. */
  async wipe(): Promise<void> {
    try {
      await api.wipe();
    } catch (why) {
      if (this.room) this.room.problem = told(why);
    }
  }

  /** A person did something: told at most once in a while. */
  active(): void {
    const now = Date.now();
    if (now - this.#active < ACTIVE_EVERY || this.screen === "key") return;
    this.#active = now;
    void api.active().catch(() => undefined);
  }

  async #hear(events: ClientEvent[]): Promise<void> {
    const stale = fold(
      events,
      this.room?.workspace ?? null,
      this.room?.channel?.id ?? null,
      this.panel === "thread" ? (this.room?.thread?.channel ?? null) : null,
    );
    const damage = events.find((event) => event.event === "damaged");
    if (damage) return this.#damaged(damage);
    if (stale.workspaces) await this.refreshWorkspaces();
    if (stale.draft && this.screen === "workspace") await this.room?.refreshDraft();
    if (stale.thread && this.screen === "workspace" && this.panel === "thread")
      await this.room?.refreshThread(stale.thread === "server");
  }

  /** Something went wrong that nobody waited for: it is said where there is a place for it, and keeps no screen waiting. */
  stumbled(why: unknown): void {
    if (this.screen === "opening" && !this.#shutting) this.#failed(why);
    else if (this.screen === "workspace" && this.room) this.room.problem ??= told(why);
  }

  /** Begins the page anew; the profile stays open. What cannot be saved is said first: the reason comes back. Who asks again means it. */
  async again(sure: boolean): Promise<string | null> {
    // A change to a message is no draft: nothing keeps it.
    const why = (await this.#save()) ?? (this.room?.changing ? t("editUnsaved") : null);
    if (why && !sure) return why;
    leavePage();
    return null;
  }

  setTheme(theme: string): void {
    this.theme = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

export const app = new App();

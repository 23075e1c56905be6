// Where the window stands: the profile's key, first run, or a workspace.

import { asReport, type ClientEvent, type ErrorReport, type KeyState, type WorkspaceView } from "../api";
import { api } from "../api/backend";
import { fold } from "./events";
import { Room } from "./room.svelte";

export type Screen = "opening" | "key" | "first-run" | "workspace";
export type Panel = "none" | "search" | "identity";
export type Dialog = "none" | "create" | "browse" | "switcher";

class App {
  screen = $state<Screen>("opening");
  key = $state<KeyState>("ready");
  problem = $state<ErrorReport | null>(null);
  workspaces = $state<WorkspaceView[]>([]);
  room = $state<Room | null>(null);
  panel = $state<Panel>("none");
  dialog = $state<Dialog>("none");
  /** The full stop of a changed identity was looked at and left standing. */
  stopSeen = $state(false);
  setAsideFolder = $state<string | null>(null);
  theme = $state<string>("system");
  #listening = false;

  get workspace(): WorkspaceView | null {
    return this.workspaces.find((one) => one.id === this.room?.workspace) ?? null;
  }

  async start(): Promise<void> {
    try {
      this.#profile(await api.profileState());
    } catch (why) {
      this.#failed(why);
    }
  }

  /** What cannot be shown at all is said, with what may mend it. */
  #failed(why: unknown): void {
    this.problem = asReport(why);
    this.#key("corrupt");
  }

  #profile(answer: { state: KeyState; detail: ErrorReport | null }): void {
    this.problem = answer.detail;
    if (answer.state === "ready") void this.#opened();
    else if (answer.state === "absent") void this.createProfile(null);
    else this.#key(answer.state);
  }

  #key(state: KeyState): void {
    this.key = state;
    this.screen = "key";
  }

  /** What a key screen offers. A failure stays on the screen, with its reason. */
  async offer(act: () => Promise<unknown>): Promise<void> {
    this.problem = null;
    try {
      await act();
      this.#profile(await api.profileState());
    } catch (why) {
      this.problem = asReport(why);
    }
  }

  async unlock(passphrase: string | null): Promise<void> {
    this.problem = null;
    try {
      this.#profile(await api.unlock(passphrase));
    } catch (why) {
      this.problem = asReport(why);
    }
  }

  async createProfile(passphrase: string | null): Promise<void> {
    try {
      await api.createProfile(passphrase);
      await this.#opened();
    } catch (why) {
      const report = asReport(why);
      this.problem = report;
      const states: Record<number, KeyState> = {
        20: "no_backend",
        21: "locked",
        25: "unreachable",
        26: "busy",
      };
      this.#key(states[report.code] ?? "unreachable");
    }
  }

  setAside(): Promise<void> {
    return this.offer(async () => {
      this.setAsideFolder = await api.setAside();
    });
  }

  async #opened(): Promise<void> {
    this.problem = null;
    try {
      this.workspaces = await api.workspaces();
      const first = this.workspaces[0];
      if (!first) this.screen = "first-run";
      else if (!this.#damaged()) await this.enter(first.id);
    } catch (why) {
      this.#failed(why);
    }
    if (!this.#listening) {
      this.#listening = true;
      void this.#listen();
    }
  }

  async enter(workspace: string): Promise<void> {
    await this.room?.leave();
    const room = new Room(workspace);
    await room.refreshChannels();
    this.room = room;
    this.stopSeen = false;
    this.screen = "workspace";
  }

  async refreshWorkspaces(): Promise<void> {
    this.workspaces = await api.workspaces();
    if (this.#damaged() || this.screen !== "workspace") return;
    // A later change is shown again, however often an earlier one was looked at.
    if (this.workspace?.connection.state !== "identity_changed") this.stopSeen = false;
    if (!this.workspaces.some((one) => one.id === this.room?.workspace)) {
      this.room = null;
      const first = this.workspaces[0];
      if (first) await this.enter(first.id);
      else this.screen = "first-run";
    }
  }

  /** A file that turned out to be damaged while it was in use has the same screen as one that was at the start. */
  #damaged(): boolean {
    for (const { connection } of this.workspaces) {
      if (connection.state !== "damaged") continue;
      const { file, why } = connection;
      this.problem = { error: "corrupt", code: 24, what: file, why, do: "", seconds: null };
      this.#key("corrupt");
      return true;
    }
    return false;
  }

  async #listen(): Promise<void> {
    let missed = false;
    for (;;) {
      try {
        await this.#hear(missed ? [{ event: "resync" }] : await api.nextEvents());
        missed = false;
      } catch (why) {
        // What could not be asked is asked again. While the profile is closed there is nothing to hear.
        missed = true;
        if (asReport(why).code === 24) this.#failed(why);
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
  }

  async #hear(events: ClientEvent[]): Promise<void> {
    const stale = fold(events, this.room?.workspace ?? null, this.room?.channel?.id ?? null);
    // They come first: whether the rest can be asked at all is told there.
    if (stale.workspaces) await this.refreshWorkspaces();
    if (this.screen !== "workspace") return;
    if (stale.timeline) await this.room?.refreshTimeline();
    if (stale.channels) await this.room?.refreshChannels();
  }

  setTheme(theme: string): void {
    this.theme = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

export const app = new App();

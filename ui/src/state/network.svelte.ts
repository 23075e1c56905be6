// The way into the network, as it is chosen in this window, and where it ends.

import { told, type Hop, type NetworkView } from "../api";
import { api } from "../api/backend";

export type Mode = "system" | "none" | "proxy" | "script";

const SCRIPT = "pac:";

export class Network {
  view = $state.raw<NetworkView | null>(null);
  mode = $state<Mode>("system");
  address = $state("");
  orDirect = $state(false);
  user = $state("");
  /** Typed, given to the core, and forgotten. */
  password = $state("");
  /** The steps of the way, once they were looked at. */
  hops = $state.raw<Hop[] | null>(null);
  checking = $state(false);
  problem = $state("");
  /** Counts the walks, and what was chosen: the end of an older walk says nothing of the way now. */
  #walks = 0;

  /** Whether what is typed differs from what was chosen. */
  get changed(): boolean {
    const { view } = this;
    if (!view || (this.#named && this.address.trim() === "")) return false;
    const other = this.#proxy !== view.proxy || (this.mode === "script" && this.orDirect !== view.or_direct);
    return other || this.#user !== view.user || (this.#user !== null && this.password !== "");
  }

  /** Takes some seconds where scripts are asked for the ways. */
  load(): Promise<void> {
    return this.#try(() => this.#load());
  }

  async #load(): Promise<void> {
    const view = await api.network();
    this.view = view;
    const script = view.proxy.startsWith(SCRIPT);
    this.mode = view.proxy === "system" || view.proxy === "none" ? view.proxy : script ? "script" : "proxy";
    this.address = this.#named ? view.proxy.slice(script ? SCRIPT.length : 0) : "";
    this.orDirect = view.or_direct;
    this.user = view.user ?? "";
  }

  /** What was typed counts from now on. */
  choose(): Promise<void> {
    return this.#try(async () => {
      const password = this.#user === null ? null : this.password || null;
      await api.setNetwork(this.#proxy, this.mode === "script" && this.orDirect, this.#user, password);
      this.password = "";
      this.#walks += 1;
      this.hops = null;
      await this.#load();
    });
  }

  /** Walks the way to a workspace's server, step by step. */
  async check(workspace: string): Promise<void> {
    const walk = ++this.#walks;
    this.hops = null;
    this.checking = true;
    await this.#try(async () => {
      const hops = await api.walk(workspace);
      if (walk === this.#walks) this.hops = hops;
    });
    this.checking = false;
  }

  get #named(): boolean {
    return this.mode === "proxy" || this.mode === "script";
  }

  get #proxy(): string {
    if (!this.#named) return this.mode;
    return (this.mode === "script" ? SCRIPT : "") + this.address.trim();
  }

  get #user(): string | null {
    return this.mode === "none" ? null : this.user.trim() || null;
  }

  async #try(act: () => Promise<void>): Promise<void> {
    this.problem = "";
    try {
      await act();
    } catch (why) {
      this.problem = told(why);
    }
  }
}

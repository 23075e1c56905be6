// A search, as one types: what this device finds is watched, and where it has only a part the server looks, too.

import { told, type HitView, type Looked, type SearchTyped } from "../api";
import { api } from "../api/backend";
import { Watching } from "./watching";

/** How long nothing has to be typed before the server is asked, in milliseconds. */
export const PAUSE = 500;

export class Search {
  words = $state("");
  /** None before something was typed. */
  hits = $state.raw<HitView[] | null>(null);
  /** Whether more may match than is shown. */
  partial = $state(false);
  problem = $state("");
  readonly #workspace: string;
  #watching: Watching<SearchTyped, HitView, Looked> | null = null;
  #here: HitView[] = [];
  /** What the server found for these words. */
  #there: HitView[] = [];
  #asked = false;
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(workspace: string) {
    this.#workspace = workspace;
  }

  async typed(words: string): Promise<void> {
    this.words = words;
    this.problem = "";
    this.#there = [];
    this.#asked = false;
    clearTimeout(this.#pause);
    if (words.trim() === "") return this.end();
    this.#watching ??= new Watching(api.watchSearch, (hits, about) => {
      this.#here = hits;
      this.partial = about.partial && !this.#asked;
      this.#show();
    });
    try {
      await this.#watching.look({ workspace: this.#workspace, typed: words });
      if (this.words === words && this.partial)
        this.#pause = setTimeout(() => void this.#askServer(words), PAUSE);
    } catch (why) {
      if (this.words === words) this.problem = told(why);
    }
  }

  end(): void {
    clearTimeout(this.#pause);
    this.#watching?.end();
    this.#watching = null;
    this.#here = [];
    this.hits = null;
    this.partial = false;
  }

  async #askServer(words: string): Promise<void> {
    try {
      const found = await api.find(this.#workspace, words);
      if (this.words !== words) return;
      this.#there = found.hits;
      this.#asked = found.asked;
      this.partial = found.partial;
      this.#show();
    } catch (why) {
      if (this.words === words) this.problem = told(why);
    }
  }

  #show(): void {
    const known = new Set(this.#here.map((hit) => hit.message.id));
    const more = this.#there.filter((hit) => !known.has(hit.message.id));
    this.hits = [...this.#here, ...more].sort((a, b) => b.message.at - a.message.at);
  }
}

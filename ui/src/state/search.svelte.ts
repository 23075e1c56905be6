// A search, as one types: what this device finds is watched, and where it has only a part the server looks, too.

import { told, type HitView, type Looked, type SearchTyped } from "../api";
import { api } from "../api/backend";
import { distinct } from "../lib/distinct";
import { Watching } from "./watching";

/** How long nothing has to be typed before the server is asked, in milliseconds. */
export const PAUSE = 500;

const idOf = (hit: HitView): string => hit.message.id;

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
  /** What only the server found for these words. */
  #there: HitView[] = [];
  #asked = false;
  #relevance = false;
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
    this.#watching ??= new Watching(api.watchSearch, idOf, (hits, about) => {
      this.#here = hits;
      this.#relevance = about.relevance;
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
      // Of what is here this device tells whether it still is.
      this.#there = this.#without(this.#here, distinct(found.hits, idOf));
      // One that did not look at all of them leaves it open.
      this.#asked = found.asked && !found.partial;
      this.partial = found.partial;
      this.#show();
    } catch (why) {
      if (this.words === words) this.problem = told(why);
    }
  }

  #show(): void {
    const more = this.#without(this.#here, this.#there);
    const all = [...this.#here, ...more];
    // By relevance they come in the order of the core: this device's first.
    this.hits = this.#relevance ? all : all.sort((a, b) => b.message.at - a.message.at);
  }

  #without(known: HitView[], hits: HitView[]): HitView[] {
    const ids = new Set(known.map((hit) => hit.message.id));
    return hits.filter((hit) => !ids.has(hit.message.id));
  }
}

// Keeps drafts: every keystroke is saved at once; while one is being saved, only the newest of each place waits.

/** Where a draft belongs: a channel, or a thread of it by its first message. */
export const placeOf = (channel: string, thread: string | null): string =>
  thread === null ? channel : `${channel} ${thread}`;

export class DraftKeeper {
  #waiting = new Map<string, string>();
  #saving = new Map<string, string>();
  #running: Promise<void> | undefined;
  #behind = false;
  readonly #save: (place: string, text: string) => Promise<void>;

  constructor(save: (place: string, text: string) => Promise<void>) {
    this.#save = save;
  }

  typed(place: string, text: string): void {
    this.#waiting.set(place, text);
    if (this.#behind) return;
    this.#behind = true;
    // What cannot be saved now waits for the next time.
    void this.flush()
      .catch(() => undefined)
      .then(() => (this.#behind = false));
  }

  /** What was typed there and could not be saved yet. */
  unsaved(place: string): string | undefined {
    return this.#waiting.get(place) ?? this.#saving.get(place);
  }

  /** Afterwards all that was typed is saved, also what another flush had begun with. */
  async flush(): Promise<void> {
    while (this.#running) await this.#running.catch(() => undefined);
    if (this.#waiting.size === 0) return;
    this.#running = this.#saveAll();
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  async #saveAll(): Promise<void> {
    const failed = new Map<string, string>();
    let problem: unknown;
    for (let next = this.#next(); next; next = this.#next()) {
      const [place, text] = next;
      this.#saving.set(place, text);
      try {
        await this.#save(place, text);
        failed.delete(place);
      } catch (why) {
        problem = why;
        failed.set(place, text);
      } finally {
        this.#saving.delete(place);
      }
    }
    this.#waiting = failed;
    if (failed.size > 0) throw problem;
  }

  #next(): [string, string] | undefined {
    for (const next of this.#waiting) {
      this.#waiting.delete(next[0]);
      return next;
    }
    return undefined;
  }
}

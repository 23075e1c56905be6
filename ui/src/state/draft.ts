// Keeps drafts: saved a moment after the last keystroke, and at once when the person turns elsewhere.

const PAUSE = 150;

export class DraftKeeper {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting = new Map<string, string>();
  #running: Promise<void> | undefined;
  readonly #save: (place: string, text: string) => Promise<void>;

  constructor(save: (place: string, text: string) => Promise<void>) {
    this.#save = save;
  }

  typed(place: string, text: string): void {
    if ([...this.#waiting.keys()].some((one) => one !== place)) this.#flushBehind();
    this.#waiting.set(place, text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flushBehind(), PAUSE);
  }

  /** What was typed there and could not be saved yet. */
  unsaved(place: string): string | undefined {
    return this.#waiting.get(place);
  }

  /** Afterwards all that was typed is saved, also what another flush had begun with. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running.catch(() => undefined);
    if (this.#waiting.size === 0) return;
    this.#running = this.#saveAll();
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  /** What cannot be saved now waits for the next time. */
  #flushBehind(): void {
    void this.flush().catch(() => undefined);
  }

  async #saveAll(): Promise<void> {
    const taken = [...this.#waiting];
    this.#waiting.clear();
    const failures: unknown[] = [];
    for (const [place, text] of taken) {
      try {
        await this.#save(place, text);
      } catch (why) {
        failures.push(why);
        if (!this.#waiting.has(place)) this.#waiting.set(place, text);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

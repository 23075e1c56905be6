// Keeps a draft: saved a moment after the last keystroke, and at once when the person turns elsewhere.

const PAUSE = 150;

export class DraftKeeper {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: { place: string; text: string } | undefined;
  readonly #save: (place: string, text: string) => Promise<void>;

  constructor(save: (place: string, text: string) => Promise<void>) {
    this.#save = save;
  }

  typed(place: string, text: string): void {
    if (this.#waiting && this.#waiting.place !== place) void this.flush();
    this.#waiting = { place, text };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), PAUSE);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) await this.#save(waiting.place, waiting.text);
  }
}

// Follows what is watched: takes the steps one answer after the other, and keeps the list that they lead to.

import type { Watch, Watcher } from "../api";
import { distinct } from "../lib/distinct";
import { stepped } from "../lib/steps";

/** How long nothing is asked after an answer that failed, in milliseconds. */
const PAUSE = 1000;

interface Waiting {
  turn: number;
  done: () => void;
  failed: (why: unknown) => void;
}

export class Watching<Q, T, A> {
  /** As the core has them: its steps count these. */
  #rows: T[] = [];
  #watch: Promise<Watch<Q, T, A>> | undefined;
  #turn = 0;
  #waiting: Waiting[] = [];
  #ended = false;
  readonly #begin: Watcher<Q, T, A>;
  readonly #nameOf: (row: T) => string;
  readonly #tell: (rows: T[], about: A) => void;

  /** `tell` hears what there is to show, each time that it changed, and never two rows of one name. */
  constructor(begin: Watcher<Q, T, A>, nameOf: (row: T) => string, tell: (rows: T[], about: A) => void) {
    this.#begin = begin;
    this.#nameOf = nameOf;
    this.#tell = tell;
  }

  /** Looks at this from now on. Comes back once it was told, or something that was asked for later. */
  async look(query: Q): Promise<void> {
    if (this.#ended) return;
    const known = this.#watch;
    const turn = known ? ++this.#turn : (this.#turn = 0);
    const told = new Promise<void>((done, failed) => this.#waiting.push({ turn, done, failed }));
    if (known) {
      known.then((watch) => watch.turn(query, turn)).catch((why: unknown) => this.#fail(why, turn));
    } else {
      this.#watch = this.#begin(query);
      void this.#follow(this.#watch);
    }
    return told;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#watch?.then((watch) => watch.end()).catch(() => undefined);
    this.#done(Infinity);
  }

  async #follow(begun: Promise<Watch<Q, T, A>>): Promise<void> {
    let watch: Watch<Q, T, A>;
    try {
      watch = await begun;
    } catch (why) {
      this.#watch = undefined;
      this.#fail(why);
      return;
    }
    while (!this.#ended) {
      try {
        const told = await watch.next();
        // The profile was closed: nobody waits in vain.
        if (!told) return this.end();
        if (this.#ended) return;
        this.#rows = stepped(this.#rows, told.changed.rows);
        this.#tell(distinct(this.#rows, this.#nameOf), told.changed.about);
        this.#done(told.turn);
      } catch (why) {
        this.#fail(why);
        await new Promise((done) => setTimeout(done, PAUSE));
      }
    }
  }

  #done(turn: number): void {
    for (const one of this.#take((waiting) => waiting.turn <= turn)) one.done();
  }

  #fail(why: unknown, turn?: number): void {
    for (const one of this.#take((waiting) => turn === undefined || waiting.turn === turn)) one.failed(why);
  }

  #take(which: (waiting: Waiting) => boolean): Waiting[] {
    const taken = this.#waiting.filter(which);
    this.#waiting = this.#waiting.filter((waiting) => !which(waiting));
    return taken;
  }
}

// The words of the window in the person's language, dates and times by their locale.

import { en, type Texts } from "./en";
import { pt } from "./pt";

const locale = usable(navigator.languages ?? [navigator.language]);
/** The language that the words are in, for who reads them aloud. */
export const language = locale.toLowerCase().startsWith("pt") ? "pt-PT" : "en";
const texts: Texts = language === "en" ? en : pt;

/**
 * The first of a person's languages that is a language tag (BCP 47). WebKitGTK passes on what the environment says, and
 * a machine whose locale is "C" or "POSIX" has none.
 */
export function usable(languages: readonly string[]): string {
  for (const language of languages) {
    try {
      if (Intl.DateTimeFormat.supportedLocalesOf(language).length > 0) return language;
    } catch {
      // Not a tag: the next one.
    }
  }
  return "en";
}

export type Key = keyof Texts;

/** A text, its placeholders filled. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A text whose key is made from data; the data itself where there is none. */
export function tMaybe(key: string, otherwise: string): string {
  return key in texts ? texts[key as Key] : otherwise;
}

const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const dated = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

export const time = (at: number): string => clock.format(at);
export const date = (at: number): string => dated.format(at);

/** A day as a heading: today, yesterday, or its name. */
export function day(at: number, now = Date.now()): string {
  const start = (moment: number) => new Date(moment).setHours(0, 0, 0, 0);
  const ago = Math.round((start(now) - start(at)) / 86_400_000);
  if (ago === 0) return t("today");
  if (ago === 1) return t("yesterday");
  return ago < 300 ? calendar.format(at) : dated.format(at);
}

// Keys while an input method composes a character belong to it. WebKit ends the composition before it reports the Enter
// that chose a word: only the old key code tells then.

export function composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

// Found words in a text. The core gives ranges as bytes of UTF-8; a string here has units of UTF-16.

export interface Part {
  text: string;
  found: boolean;
}

export function highlighted(text: string, ranges: [number, number][]): Part[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const parts: Part[] = [];
  let place = 0;
  const push = (from: number, to: number, found: boolean) => {
    if (to > from) parts.push({ text: decoder.decode(bytes.subarray(from, to)), found });
  };
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (from < place || to > bytes.length) continue;
    push(place, from, false);
    push(from, to, true);
    place = to;
  }
  push(place, bytes.length, false);
  return parts;
}

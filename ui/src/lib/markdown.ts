// Markdown as people write it, made harmless twice: the renderer takes no HTML, and what it makes is sanitised.

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";

let made: MarkdownIt | undefined;

/** Made when the first text wants it: that takes longer than showing a channel without one. */
const renderer = (): MarkdownIt =>
  (made ??= new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false }).disable(
    "image",
  ));

const ALLOWED = {
  ALLOWED_TAGS: [
    "p",
    "br",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
  ],
  ALLOWED_ATTR: ["href"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
};

/** One line of words: nothing in it could be Markdown, a link or HTML, so there is nothing to render or to sanitise. */
const PLAIN = /^(?!\d+\.)[\p{L}\p{N}](?:[\p{L}\p{N} ,;?!'"]|\.(?=\s|$)|-(?=\p{L}))*(?<! )$/u;

const rendered = new Map<string, string>();

/** HTML that holds text, emphasis, code, lists and outward links, and nothing that loads or runs. */
export function markdown(text: string): string {
  if (PLAIN.test(text)) return `<p>${text}</p>\n`;
  const known = rendered.get(text);
  if (known !== undefined) return known;
  const html = DOMPurify.sanitize(renderer().render(text), ALLOWED);
  if (rendered.size > 2000) rendered.clear();
  rendered.set(text, html);
  return html;
}

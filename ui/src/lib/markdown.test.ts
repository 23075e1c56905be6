import { expect, test } from "vitest";
import { markdown } from "./markdown";

test("what people write comes out as they mean it", () => {
  expect(markdown("**bold** and `code`")).toContain("<strong>bold</strong> and <code>code</code>");
  expect(markdown("```\nlet x = 1;\n```")).toContain("<pre><code>let x = 1;");
  expect(markdown("see https://example.org")).toContain('<a href="https://example.org">');
});

test.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "![x](https://evil.example/pixel.png)",
  "<iframe src=https://evil.example></iframe>",
  "<a href='x' style='position:fixed'>x</a>",
  "[x](vbscript:msgbox)",
  "<svg><use href='data:image/svg+xml,x'/></svg>",
])("nothing runs, loads or covers the window: %s", (text) => {
  const holder = document.createElement("div");
  holder.innerHTML = markdown(text);
  expect(holder.querySelector("script,img,iframe,svg,style,object,embed,form,input")).toBeNull();
  for (const element of holder.querySelectorAll("*")) {
    for (const attribute of element.attributes) {
      expect(attribute.name).toBe("href");
      expect(attribute.value).toMatch(/^(https?:|mailto:)/);
    }
  }
});

test.each([
  "good morning",
  "Reading now. The upgrade section is much clearer than last time.",
  "well-known, isn't it? Yes! Four is fine.",
  "até amanhã",
  "1. not plain",
  "see example.org",
  "a - b",
  "  indented",
  "ends with spaces  ",
  "one\ntwo",
  "3 < 4",
  "line 12 of an ordinary day",
])("plain words come out as the renderer would have them: %s", async (text) => {
  const { default: MarkdownIt } = await import("markdown-it");
  const rendered = new MarkdownIt({ html: false, linkify: true, breaks: true }).render(text);
  const [ours, theirs] = [document.createElement("div"), document.createElement("div")];
  ours.innerHTML = markdown(text);
  theirs.innerHTML = rendered;
  expect(ours.innerHTML).toBe(theirs.innerHTML);
});

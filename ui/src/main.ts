import { mount } from "svelte";
import { chooseBackend } from "./api/backend";
import "./styles/tokens.css";
import "./styles/base.css";
import { language } from "./text";
import App from "./views/App.svelte";

document.documentElement.lang = language;

const target = document.getElementById("app");
if (target) {
  chooseBackend()
    .then(() => mount(App, { target }))
    // An empty window helps nobody: whoever sees this can at least tell what it says.
    .catch((fault: unknown) => {
      target.textContent = `TheChatApp could not draw its window: ${String(fault)} ${fault instanceof Error ? (fault.stack ?? "") : ""}`;
    });
}

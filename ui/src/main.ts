import { mount } from "svelte";
import { chooseBackend } from "./api/backend";
import "./styles/tokens.css";
import "./styles/base.css";
import App from "./views/App.svelte";

const target = document.getElementById("app");
if (target) void chooseBackend().then(() => mount(App, { target }));

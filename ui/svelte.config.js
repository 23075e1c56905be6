import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

// No styles in script: the content security policy allows none.
export default { preprocess: vitePreprocess(), compilerOptions: { css: "external", runes: true } };

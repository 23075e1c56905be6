import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  // Tests that show a view want Svelte as a browser gets it.
  resolve: mode === "test" ? { conditions: ["browser"] } : {},
  // The system web views of the oldest supported desktops.
  build: { target: ["safari16", "chrome110"], modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  test: { environment: "jsdom", include: ["src/**/*.test.ts"] },
}));

// Which backend this window talks to: the desktop's, or in development one in memory (`npm run dev`, ?memory).

import type { Api } from "./index";
import { desktop } from "./tauri";

export let api: Api = desktop;

/** Called once before the first view. */
export async function chooseBackend(): Promise<void> {
  if (import.meta.env.DEV && new URLSearchParams(location.search).has("memory")) {
    api = (await import("./memory")).memory(new URLSearchParams(location.search));
  }
}

/** For tests, which bring their own. */
export function useBackend(chosen: Api): void {
  api = chosen;
}

// The screens, what each must be allowed to read, and the key that leads to it after `g`.
import type { IconName } from "../parts/Icon.svelte";
import { route, type Screen } from "./route.svelte";
import { session } from "./session.svelte";

export interface ScreenInfo {
  name: Exclude<Screen, "account">;
  icon: IconName;
  /** What must be readable, so that the way there is no dead end. */
  object: string;
  key: string;
}

export const SCREENS: readonly ScreenInfo[] = [
  { name: "alerts", icon: "inbox", object: "alerts", key: "a" },
  { name: "search", icon: "search", object: "events", key: "s" },
  { name: "rules", icon: "book", object: "rules", key: "r" },
  { name: "risk", icon: "gauge", object: "alerts", key: "k" },
  { name: "sites", icon: "building", object: "sites", key: "t" },
  { name: "audit", icon: "scroll", object: "audit", key: "u" },
  { name: "requests", icon: "inbox", object: "requests", key: "q" },
  { name: "reveals", icon: "search", object: "reveals", key: "v" },
  { name: "subjects", icon: "user", object: "subjects", key: "d" },
];

/** The screens that this account may look at. */
export function openScreens(): ScreenInfo[] {
  return SCREENS.filter((screen) => session.may(screen.object, "read"));
}

/** The keys that lead to them. */
export function screenKeys(): Record<string, () => void> {
  return Object.fromEntries(openScreens().map((screen) => [`g ${screen.key}`, () => route.go(screen.name)]));
}

// What the analyst chose for this browser: language, theme, zone, columns. Nothing personal, nothing secret.
import type { Language } from "../i18n/catalogue";
import type { Zone } from "../time/range";

export type Theme = "light" | "dark" | "system";

const PLACE = "metrosoc.preferences";
const dark = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : undefined;

function read(): Record<string, unknown> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function oneOf<T>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.includes(value as T) ? (value as T) : otherwise;
}

class Preferences {
  language = $state<Language>("vi");
  theme = $state<Theme>("system");
  zone = $state<Zone>("Asia/Ho_Chi_Minh");
  singleKeys = $state(true);
  fieldsShown = $state(true);
  columns = $state.raw<string[]>([]);
  #systemDark = $state(dark?.matches ?? false);
  readonly shownTheme = $derived(this.theme === "system" ? (this.#systemDark ? "dark" : "light") : this.theme);

  constructor() {
    const kept = read();
    const english = typeof navigator === "object" && /^en\b/.test(navigator.language);
    this.language = oneOf(kept["language"], ["vi", "en"], english ? "en" : "vi");
    this.theme = oneOf(kept["theme"], ["light", "dark", "system"], "system");
    this.zone = oneOf(kept["zone"], ["Asia/Ho_Chi_Minh", "UTC"], "Asia/Ho_Chi_Minh");
    this.singleKeys = kept["singleKeys"] !== false;
    this.fieldsShown = kept["fieldsShown"] !== false;
    const columns = kept["columns"];
    this.columns = Array.isArray(columns) ? columns.filter((c) => typeof c === "string").slice(0, 12) : [];
    dark?.addEventListener("change", (event) => (this.#systemDark = event.matches));
  }

  /** Shows the choices and keeps them; runs again whenever one changes. */
  apply(): void {
    document.documentElement.dataset["theme"] = this.shownTheme;
    document.documentElement.lang = this.language;
    const { language, theme, zone, singleKeys, fieldsShown, columns } = this;
    try {
      localStorage.setItem(PLACE, JSON.stringify({ language, theme, zone, singleKeys, fieldsShown, columns }));
    } catch {
      // A browser that keeps nothing still works; it forgets the choices.
    }
  }

  toggleTheme(): void {
    this.theme = this.shownTheme === "dark" ? "light" : "dark";
  }
}

export const preferences = new Preferences();

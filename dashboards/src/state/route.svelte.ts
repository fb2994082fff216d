// Where the page stands: screen, open alert and harmless choices in the hash; query text in the history entry only.

export const SCREEN_NAMES = ["alerts", "search", "rules", "risk", "sites", "audit", "requests", "reveals", "subjects", "account"] as const;
export type Screen = (typeof SCREEN_NAMES)[number];

export interface Kept {
  query?: string;
  purpose?: string;
  text?: string;
  /** Who wrote it: an entry that another account left in this tab's history is not shown. */
  by?: string;
}

class Route {
  screen = $state<Screen>("alerts");
  id = $state<string | undefined>();
  params = $state.raw(new URLSearchParams());
  kept = $state.raw<Kept>({});
  #owner: string | undefined;
  /** Grows with every change that did not come from `replace`. */
  visits = $state(0);

  constructor() {
    this.#read();
    window.addEventListener("popstate", () => {
      this.#read();
      this.visits += 1;
    });
  }

  /** Says whose the page is now. */
  belongTo(owner: string | undefined): void {
    this.#owner = owner;
    this.#read();
  }

  go(screen: Screen, id?: string, params = new URLSearchParams(), kept: Kept = {}): void {
    history.pushState(this.#mine(kept), "", address(screen, id, params));
    this.#read();
    this.visits += 1;
  }

  replace(screen: Screen, id: string | undefined, params: URLSearchParams, kept: Kept): void {
    history.replaceState(this.#mine(kept), "", address(screen, id, params));
    this.#read();
  }

  #read(): void {
    const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?");
    const [, screen, id] = path.split("/");
    this.screen = SCREEN_NAMES.find((name) => name === screen) ?? "alerts";
    this.id = id ? decode(id) : undefined;
    this.params = new URLSearchParams(query);
    const kept = (history.state as Kept | null) ?? {};
    this.kept = kept.by !== undefined && kept.by === this.#owner ? kept : {};
  }

  #mine(kept: Kept): Kept {
    return this.#owner === undefined ? {} : { ...kept, by: this.#owner };
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function address(screen: Screen, id?: string, params = new URLSearchParams()): string {
  const query = params.toString();
  return `#/${screen}${id ? `/${encodeURIComponent(id)}` : ""}${query ? `?${query}` : ""}`;
}

export const route = new Route();

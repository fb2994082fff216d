// Where the page stands: screen, open alert and harmless choices in the hash; query text in the history entry only.

export type Screen = "alerts" | "search";

export interface Kept {
  query?: string;
  purpose?: string;
  text?: string;
}

class Route {
  screen = $state<Screen>("alerts");
  id = $state<string | undefined>();
  params = $state.raw(new URLSearchParams());
  kept = $state.raw<Kept>({});
  /** Grows with every change that did not come from `replace`. */
  visits = $state(0);

  constructor() {
    this.#read();
    window.addEventListener("popstate", () => {
      this.#read();
      this.visits += 1;
    });
  }

  go(screen: Screen, id?: string, params = new URLSearchParams(), kept: Kept = {}): void {
    history.pushState(kept, "", address(screen, id, params));
    this.#read();
    this.visits += 1;
  }

  replace(screen: Screen, id: string | undefined, params: URLSearchParams, kept: Kept): void {
    history.replaceState(kept, "", address(screen, id, params));
    this.#read();
  }

  #read(): void {
    const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?");
    const [, screen, id] = path.split("/");
    this.screen = screen === "search" ? "search" : "alerts";
    this.id = id ? decode(id) : undefined;
    this.params = new URLSearchParams(query);
    this.kept = (history.state as Kept | null) ?? {};
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

// Keys without modifiers, alone (`j`) or in pairs (`g a`), off while somebody writes.
import { preferences } from "../state/preferences.svelte";

export type Keymap = Record<string, () => void>;

const PAIR_MS = 1200;
const layers: Keymap[] = [];
let first: { key: string; until: number } | undefined;

/** Adds a screen's keys; later layers win. Returns how to take them away again. */
export function bind(keys: Keymap): () => void {
  layers.push(keys);
  return () => {
    const at = layers.indexOf(keys);
    if (at >= 0) layers.splice(at, 1);
  };
}

function writing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"))
  );
}

function find(key: string): (() => void) | undefined {
  for (let at = layers.length - 1; at >= 0; at -= 1) {
    const act = layers[at]?.[key];
    if (act) return act;
  }
  return undefined;
}

/** Enter belongs to the link, button or row that has the focus. */
function owned(event: KeyboardEvent): boolean {
  const target = event.target;
  return event.key === "Enter" && target instanceof Element && target !== document.body && target.id !== "main";
}

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key !== "Escape" && (!preferences.singleKeys || writing(event.target))) return;
  if (document.querySelector("dialog[open]") || owned(event)) return;
  const now = performance.now();
  const pair = first && first.until > now ? find(`${first.key} ${event.key}`) : undefined;
  first = undefined;
  const act = pair ?? find(event.key);
  if (act) {
    event.preventDefault();
    act();
  } else if (layers.some((layer) => Object.keys(layer).some((keys) => keys.startsWith(`${event.key} `)))) {
    first = { key: event.key, until: now + PAIR_MS };
  }
}

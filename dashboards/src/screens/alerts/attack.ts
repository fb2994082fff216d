// ATT&CK tags in words: tactics by name, techniques by number with their page.

export interface AttackTag {
  tag: string;
  text: string;
  url?: string;
}

/** Reads `attack.t1110.001` and `attack.credential-access`; other tags stay as they are. */
export function attackTag(tag: string): AttackTag {
  const technique = /^attack\.(t\d{4})(?:\.(\d{3}))?$/i.exec(tag);
  if (technique) {
    const [, number = "", sub] = technique;
    const id = number.toUpperCase();
    const url = `https://attack.mitre.org/techniques/${id}/${sub ? `${sub}/` : ""}`;
    return { tag, text: sub ? `${id}.${sub}` : id, url };
  }
  const tactic = /^attack\.([a-z][a-z\-_]+)$/i.exec(tag);
  if (!tactic?.[1]) return { tag, text: tag };
  const words = tactic[1].replace(/[-_]/g, " ");
  return { tag, text: words.charAt(0).toUpperCase() + words.slice(1) };
}

/** Only web addresses become links. */
export function webAddress(text: string): string | undefined {
  return /^https?:\/\/\S+$/i.test(text) ? text : undefined;
}

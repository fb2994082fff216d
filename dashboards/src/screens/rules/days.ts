// Counts by day, side by side, the empty days between them too.

export interface Day {
  day: string;
  seen: number;
  hidden: number;
}

type Counts = readonly { day: string; count: number }[];
const DAYS_MAX = 400;
const DAY_MS = 864e5;

/** Every day from the first to the last that has a count, the latest first. */
export function days(seen: Counts, hidden: Counts): Day[] {
  const [a, b] = [seen, hidden].map((list) => new Map(list.map(({ day, count }) => [day, count])));
  const all = [...(a?.keys() ?? []), ...(b?.keys() ?? [])].sort();
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined) return [];
  const made: Day[] = [];
  for (let at = Date.parse(last); at >= Date.parse(first) && made.length < DAYS_MAX; at -= DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    made.push({ day, seen: a?.get(day) ?? 0, hidden: b?.get(day) ?? 0 });
  }
  return made;
}

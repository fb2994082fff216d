// What changed between two texts, line by line, with a few lines around each change.

export interface Line {
  kind: "same" | "out" | "in" | "gap";
  text: string;
  /** Line numbers in the text before and after, counted from 1. */
  before?: number;
  after?: number;
}

const LINES_MAX = 3000;
const CELLS_MAX = 4_000_000;

/** The lines of both texts in one order; unchanged stretches longer than twice `around` are cut. */
export function diff(before: string, after: string, around = 3): Line[] {
  const [old, now] = [split(before), split(after)];
  return fold(align(old, now), around);
}

function split(text: string): string[] {
  const lines = text.replace(/\n$/, "").split("\n").slice(0, LINES_MAX);
  return lines.length === 1 && lines[0] === "" ? [] : lines;
}

/** Equal ends are set aside; the middle by the longest common subsequence, or as a whole where that would cost too much. */
function align(old: string[], now: string[]): Line[] {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const middle = [old.slice(start, old.length - end), now.slice(start, now.length - end)] as const;
  const same = (from: number, count: number, shift: number): Line[] =>
    old.slice(from, from + count).map((text, n) => ({ kind: "same", text, before: from + n + 1, after: from + n + 1 + shift }));
  return [
    ...same(0, start, 0),
    ...changed(middle[0], middle[1], start),
    ...same(old.length - end, end, now.length - old.length),
  ];
}

function changed(old: string[], now: string[], offset: number): Line[] {
  const out = (text: string, at: number): Line => ({ kind: "out", text, before: offset + at + 1 });
  const put = (text: string, at: number): Line => ({ kind: "in", text, after: offset + at + 1 });
  if (old.length * now.length > CELLS_MAX) return [...old.map(out), ...now.map(put)];
  const width = now.length + 1;
  const longest = new Uint16Array((old.length + 1) * width);
  const cell = (a: number, b: number) => longest[a * width + b] ?? 0;
  for (let a = old.length - 1; a >= 0; a -= 1)
    for (let b = now.length - 1; b >= 0; b -= 1)
      longest[a * width + b] = old[a] === now[b] ? cell(a + 1, b + 1) + 1 : Math.max(cell(a + 1, b), cell(a, b + 1));
  const lines: Line[] = [];
  let [a, b] = [0, 0];
  while (a < old.length || b < now.length) {
    const [left, right] = [old[a], now[b]];
    if (left !== undefined && left === right) {
      lines.push({ kind: "same", text: left, before: offset + (a += 1), after: offset + (b += 1) });
    } else if (left !== undefined && (right === undefined || cell(a + 1, b) >= cell(a, b + 1))) {
      lines.push(out(left, a));
      a += 1;
    } else if (right !== undefined) {
      lines.push(put(right, b));
      b += 1;
    }
  }
  return lines;
}

function fold(lines: Line[], around: number): Line[] {
  const near = new Set<number>();
  lines.forEach((line, at) => {
    if (line.kind === "same") return;
    for (let n = at - around; n <= at + around; n += 1) near.add(n);
  });
  const folded: Line[] = [];
  lines.forEach((line, at) => {
    if (near.has(at)) folded.push(line);
    else if (folded.at(-1)?.kind !== "gap") folded.push({ kind: "gap", text: "" });
  });
  return folded;
}

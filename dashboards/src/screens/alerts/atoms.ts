// The comparisons of a finding in words: what was compared how, and where in the value the rule's text stands.
import type { Atom, Segment } from "../../api/types";
import type { PlainKey } from "../../i18n/catalogue";

const HOWS = ["exists", "re", "cidr", "contains", "startswith", "endswith", "lt", "lte", "gt", "gte", "neq", "fieldref"] as const;
const PARTS = ["minute", "hour", "day", "week", "month", "year"] as const;
type How = (typeof HOWS)[number] | "is" | "absent" | "keyword" | "group";

export interface Told {
  how: How;
  phrase: PlainKey;
  /** The part of a time that was compared. */
  part: PlainKey | undefined;
  /** Modifiers that say how the text was read, as Sigma names them. */
  notes: string[];
}

/** What an atom says, by its operator. */
export function tell(atom: Atom): Told {
  const words = atom.operator.split("|").filter(Boolean);
  const part = PARTS.find((name) => words.includes(name));
  const how = howOf(atom, words);
  const said = new Set<string>([how, ...(part ? [part] : []), "all"]);
  return {
    how,
    phrase: `atom.${how}`,
    part: part && `atom.part.${part}`,
    notes: words.filter((word) => !said.has(word) && !(how === "absent" && word === "exists")),
  };
}

function howOf(atom: Atom, words: string[]): How {
  if (atom.selection === "group-by") return "group";
  if (!atom.field) return "keyword";
  const how = HOWS.find((name) => words.includes(name));
  if (how === "exists" && atom.pattern === "false") return "absent";
  return how ?? "is";
}

/** Atoms by the selection of the rule that they stand in, in the order they came. */
export function bySelection(atoms: readonly Atom[]): [selection: string, atoms: Atom[]][] {
  const groups = new Map<string, Atom[]>();
  for (const atom of atoms) groups.set(atom.selection, [...(groups.get(atom.selection) ?? []), atom]);
  return [...groups];
}

/** Whether the value says nothing that the pattern has not said. */
export function isPlain(atom: Atom): boolean {
  const { how, part } = tell(atom);
  return how === "is" && !part && atom.pattern?.toLowerCase() === atom.value?.toLowerCase();
}

/** The value with the place marked where the rule's text stands; the whole is unmarked where it cannot be told simply. */
export function marked(atom: Atom): Segment[] {
  const value = atom.value ?? "";
  const { how, notes } = tell(atom);
  const part = (atom.pattern ?? "").replace(/^\*+|\*+$/g, "");
  const plain = [{ text: value, hit: false }];
  const searchable = ["contains", "startswith", "endswith", "is"].includes(how) && !notes.length;
  if (!searchable || !part || /[*?]/.test(part)) return plain;
  const [low, wanted] = [value.toLowerCase(), part.toLowerCase()];
  // Where lower case has another length the places would not fit.
  if (low.length !== value.length) return plain;
  const at = how === "endswith" ? low.lastIndexOf(wanted) : low.indexOf(wanted);
  if (at < 0) return plain;
  const cut = [value.slice(0, at), value.slice(at, at + wanted.length), value.slice(at + wanted.length)];
  return cut.map((text, n) => ({ text, hit: n === 1 })).filter((segment) => segment.text !== "");
}

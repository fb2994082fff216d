// Which rules the list shows.
import type { RuleEntry, SilentRule } from "../../api/rules";
import { LEVELS, type Level } from "../../api/types";

export const KINDS = ["all", "able", "silent", "correlation"] as const;
export type Kind = (typeof KINDS)[number];

export interface Wanted {
  kind: Kind;
  levels: Level[];
  text: string;
}

export function readWanted(params: URLSearchParams, text: string | undefined): Wanted {
  const levels = (params.get("level") ?? "").split(",");
  return {
    kind: KINDS.find((kind) => kind === params.get("show")) ?? "all",
    levels: LEVELS.filter((level) => levels.includes(level)),
    text: text ?? "",
  };
}

export function writeWanted(wanted: Wanted): URLSearchParams {
  const params = new URLSearchParams();
  if (wanted.kind !== "all") params.set("show", wanted.kind);
  if (wanted.levels.length) params.set("level", wanted.levels.join(","));
  return params;
}

/** A log source without the parts that it leaves open: `windows/-/security` is `windows/security`. */
export function tidy(source: string): string {
  return source.split("/").filter((part) => part && part !== "-").join("/");
}

/** Where a rule's events come from: its log source, or the folder of its file. */
export function sourceOf(entry: RuleEntry): string {
  if (entry.logsource) return tidy(entry.logsource);
  return entry.path.split("/").slice(0, -1).join("/").replace(/^embedded\//, "");
}

/** The rules that fit, the most serious first and then by title. */
export function choose(all: readonly RuleEntry[], silent: ReadonlyMap<string, SilentRule>, wanted: Wanted): RuleEntry[] {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (entry: RuleEntry): boolean => {
    const { rule } = entry;
    if (wanted.levels.length && !wanted.levels.includes(rule.level)) return false;
    if (wanted.kind === "silent" && !silent.has(rule.id)) return false;
    if (wanted.kind === "able" && silent.has(rule.id)) return false;
    if (wanted.kind === "correlation" && !entry.correlation) return false;
    const text = `${rule.title} ${rule.id} ${rule.tags.join(" ")} ${entry.path} ${entry.logsource ?? ""} ${entry.status ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const rank = (entry: RuleEntry) => LEVELS.indexOf(entry.rule.level);
  return all.filter(fits).sort((a, b) => rank(a) - rank(b) || a.rule.title.localeCompare(b.rule.title));
}

// Exceptions in words: what one hides, and how long it still does.
import type { Exception, Fields, RuleRef } from "../../api/rules";
import { text } from "../../query/value";

/** Whether findings of the rule can be hidden by it. */
export function hides(exception: Exception, rule: RuleRef): boolean {
  const { target } = exception;
  return "rules" in target ? target.rules.includes(rule.id) : target.level === rule.level;
}

/** `field = a, b` for each condition; a modifier stands in place of the sign. */
export function wordsOf(fields: Fields): string[] {
  return Object.entries(fields).map(([key, value]) => {
    const [field = key, ...modifiers] = key.split("|");
    const values = Array.isArray(value) ? value.map((one) => text(one)).join(", ") : value === null ? "∅" : text(value);
    return `${field} ${modifiers.length ? modifiers.join(" ") : "="} ${values}`;
  });
}

/** Days until it ends, rounded up; 0 when it has ended. */
export function daysLeft(exception: Exception, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(exception.expires) - now) / 864e5));
}

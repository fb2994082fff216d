// What is asked of the record, as a query over its events.
import { condition } from "../../query/filter";

export interface Asked {
  /** Only what people did: neither sites nor the platform itself. */
  people: boolean;
  person: string;
  action: string;
  object: string;
}

const WORD = /^[\p{L}\p{N}_.\-@]+$/u;

/** The query; nothing when everything is asked for. */
export function queryOf(asked: Asked): string {
  const parts: string[] = [];
  if (asked.person) parts.push(condition("user.name", asked.person));
  else if (asked.people) parts.push("user.name:* AND NOT user.name:site\\:*");
  if (asked.action) parts.push(condition("event.action", asked.action));
  const object = asked.object.trim();
  if (object) parts.push(WORD.test(object) ? `metrosoc.audit.object:*${object}*` : condition("metrosoc.audit.object", object));
  return parts.join(" AND ");
}

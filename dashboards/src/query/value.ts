// Field values as text.
import type { Hit, Value } from "../api/types";

/** A value on one line. */
export function text(value: Value | undefined): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(text).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The members of a value that can be searched for one by one. */
export function members(value: Value): (string | number | boolean)[] {
  if (Array.isArray(value)) return value.flatMap(members);
  return value === null || typeof value === "object" ? [] : [value];
}

const TOLD_APART = new Set(["@timestamp", "event.ingested", "event.original", "message", "event.kind"]);
const FIRST = [
  "event.action",
  "event.outcome",
  "user.name",
  "source.ip",
  "destination.ip",
  "destination.port",
  "process.name",
  "process.command_line",
  "url.path",
  "http.response.status_code",
  "lgsp.api",
  "lgsp.consumer",
];

/** The telling fields of an event whose message is not there or may not be seen. */
export function telling(hit: Hit, count = 7): [string, string][] {
  const there = FIRST.filter((name) => name in hit.fields);
  const rest = Object.keys(hit.fields).filter(
    (name) => !FIRST.includes(name) && !TOLD_APART.has(name) && !name.startsWith("metrosoc."),
  );
  return [...there, ...rest].slice(0, count).map((name) => [name, text(hit.fields[name])]);
}

// Times for the eye: short in lists, whole in tooltips, always with the zone that the analyst chose.
import { locale } from "../i18n";
import { preferences } from "../state/preferences.svelte";
import { isRelative, quickOf, type Range, type Zone } from "./range";
import { t } from "../i18n";

const kept = new Map<string, Intl.DateTimeFormat>();

function format(ms: number, options: Intl.DateTimeFormatOptions, zone: Zone = preferences.zone): string {
  const key = JSON.stringify([locale(), zone, options]);
  let made = kept.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: "h23", ...options });
    kept.set(key, made);
  }
  return made.format(ms);
}

const DAY: Intl.DateTimeFormatOptions = { day: "2-digit", month: "2-digit" };
const DATE: Intl.DateTimeFormatOptions = { ...DAY, year: "numeric" };
const MINUTE: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const SECOND: Intl.DateTimeFormatOptions = { ...MINUTE, second: "2-digit" };

/** `14:05:12` today, `21/11 14:05` this year, with the year before that. */
export function short(text: string, now = Date.now()): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  if (format(ms, DATE) === format(now, DATE)) return format(ms, SECOND);
  const sameYear = format(ms, { year: "numeric" }) === format(now, { year: "numeric" });
  return `${format(ms, sameYear ? DAY : DATE)} ${format(ms, MINUTE)}`;
}

/** `22/11/2026 14:05:12.345`, for rows of events. */
export function precise(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  return `${format(ms, DAY)} ${format(ms, { ...SECOND, fractionalSecondDigits: 3 })}`;
}

/** Date and time with the zone, and the same in UTC: the tooltip. */
export function whole(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const local = `${format(ms, DATE)} ${format(ms, SECOND)} ${preferences.zone === "UTC" ? "UTC" : "UTC+7"}`;
  return preferences.zone === "UTC" ? local : `${local} · ${text}`;
}

/** A moment for an axis or a range, as short as its span allows. */
export function moment(ms: number, spanMs: number): string {
  if (spanMs <= 3_600_000) return format(ms, SECOND);
  if (spanMs <= 26 * 3_600_000) return format(ms, MINUTE);
  if (spanMs <= 8 * 86_400_000) return `${format(ms, DAY)} ${format(ms, MINUTE)}`;
  return format(ms, spanMs > 300 * 86_400_000 ? DATE : DAY);
}

/** A range as the button of the picker shows it. */
export function rangeText(range: Range): string {
  const quick = quickOf(range);
  if (quick) return t(`range.last.${quick}`);
  return `${edge(range.from)} – ${edge(range.to)}`;
}

function edge(text: string): string {
  if (isRelative(text)) return text;
  const ms = Date.parse(text);
  return `${format(ms, DAY)} ${format(ms, SECOND)}`;
}

/** A moment as the picker's box takes it back. */
export function editable(text: string): string {
  if (isRelative(text)) return text;
  const ms = Date.parse(text);
  const part = (type: string) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: preferences.zone, hourCycle: "h23", ...DATE, ...SECOND })
      .formatToParts(ms)
      .find((p) => p.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")}:${part("second")}`;
}

/** How long ago, in words. */
export function ago(text: string, now: number): string {
  const seconds = Math.round((Date.parse(text) - now) / 1000);
  const words = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  const size = Math.abs(seconds);
  if (size < 60) return words.format(seconds, "second");
  if (size < 3600) return words.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return words.format(Math.round(seconds / 3600), "hour");
  return words.format(Math.round(seconds / 86_400), "day");
}

// Times for the eye: short in lists, whole in tooltips, always with the zone that the analyst chose.
import { locale, t } from "../i18n";
import { preferences } from "../state/preferences.svelte";
import { isRelative, quickOf, type Range, type Zone } from "./range";

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

const DATE: Intl.DateTimeFormatOptions = { day: "2-digit", month: "2-digit", year: "numeric" };
const MINUTE: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const SECOND: Intl.DateTimeFormatOptions = { ...MINUTE, second: "2-digit" };

/** `22/11/2026`, alike in both languages. */
function date(ms: number): string {
  return format(ms, DATE).replace(/-/g, "/");
}

/** `22/11`. */
function day(ms: number): string {
  return date(ms).slice(0, 5);
}

/** `14:05:12` today, `21/11 14:05` this year, with the year before that. */
export function short(text: string, now = Date.now()): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  if (date(ms) === date(now)) return format(ms, SECOND);
  const sameYear = date(ms).slice(6) === date(now).slice(6);
  return `${sameYear ? day(ms) : date(ms)} ${format(ms, MINUTE)}`;
}

/** `22/11/2026 14:05:12.345`, for rows of events. */
export function precise(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  return `${day(ms)} ${format(ms, { ...SECOND, fractionalSecondDigits: 3 })}`;
}

/** Date and time with the zone, and the same in UTC: the tooltip. */
export function whole(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const local = `${date(ms)} ${format(ms, SECOND)} ${preferences.zone === "UTC" ? "UTC" : "UTC+7"}`;
  return preferences.zone === "UTC" ? local : `${local} · ${text}`;
}

/** A moment for an axis or a range, as short as its span allows. */
export function moment(ms: number, spanMs: number): string {
  if (spanMs <= 3_600_000) return format(ms, SECOND);
  if (spanMs <= 26 * 3_600_000) return format(ms, MINUTE);
  if (spanMs <= 8 * 86_400_000) return `${day(ms)} ${format(ms, MINUTE)}`;
  return spanMs > 300 * 86_400_000 ? date(ms) : day(ms);
}

/** A range as the button of the picker shows it. */
export function rangeText(range: Range): string {
  const quick = quickOf(range);
  if (quick) return t(`range.last.${quick}`);
  const back = /^now-(\d+)([smhdw])$/.exec(range.from);
  if (back && range.to === "now") return t("range.span", { span: spanText(Number(back[1]), back[2] ?? "m") });
  return `${edge(range.from)} – ${edge(range.to)}`;
}

/** `2 days`, `2 ngày`. */
function spanText(count: number, letter: string): string {
  const unit = { s: "second", m: "minute", h: "hour", d: "day", w: "week" }[letter] ?? "minute";
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(count);
}

function edge(text: string): string {
  if (isRelative(text)) return text;
  const ms = Date.parse(text);
  return `${day(ms)} ${format(ms, SECOND)}`;
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

/** `Sat 22/11` of a calendar day `2026-11-22`. */
export function dayName(text: string): string {
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms)) return text;
  const name = new Intl.DateTimeFormat(locale(), { timeZone: "UTC", weekday: "short" }).format(ms);
  return `${name} ${text.slice(8, 10)}/${text.slice(5, 7)}`;
}

/** `22/11/2026`, of a moment. */
export function dateOf(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : date(ms);
}

/** A length of time in the largest unit that tells it whole: `4 hours`, `90 minutes`. */
export function lasting(seconds: number): string {
  const units = [["d", 86_400], ["h", 3600], ["m", 60]] as const;
  const [letter, size] = units.find(([, size]) => seconds >= size && seconds % size === 0) ?? ["s", 1];
  return spanText(seconds / size, letter);
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

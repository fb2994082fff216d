// Texts in the chosen language. Reading one inside a component follows the language switch by itself.
import { preferences } from "../state/preferences.svelte";
import { fill, type Arguments, type Catalogue, type Key, type Language, type PluralKey } from "./catalogue";
import { en } from "./en";
import { vi } from "./vi";

const catalogues: Record<Language, Catalogue> = { en, vi };
const locales: Record<Language, string> = { en: "en-GB", vi: "vi-VN" };

/** The Intl locale of the chosen language. */
export function locale(): string {
  return locales[preferences.language];
}

/** A whole or decimal number as the language writes it. */
export function number(n: number, digits = 1): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(n);
}

/** A large number in short: 1.2M, 1,2 Tr. */
export function compact(n: number): string {
  if (n < 10_000) return number(n, 0);
  return new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(n);
}

/** The text of a key with its placeholders filled. */
export function t<K extends Key>(key: K, ...values: Arguments<K>): string {
  const text = catalogues[preferences.language][key];
  return values[0] ? fill(text, values[0], number) : text;
}

/** The text for `n` things. */
export function plural(key: PluralKey, n: number, values: Record<string, string | number> = {}): string {
  const form = new Intl.PluralRules(locale()).select(n) === "one" ? "one" : "other";
  const texts: Record<string, string> = catalogues[preferences.language];
  return fill(texts[`${key}.${form}`] ?? texts[`${key}.other`] ?? key, { ...values, n }, number);
}

/** The text of a key that only the server knows, or nothing. */
export function maybe(key: string): string | undefined {
  return (catalogues[preferences.language] as Record<string, string>)[key];
}

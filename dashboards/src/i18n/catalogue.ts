// What a catalogue is: the English keys, each with a text. A missing or a superfluous key fails the type check.
import type { en } from "./en";

export type Language = "vi" | "en";
export type Key = keyof typeof en;
export type Catalogue = { readonly [K in Key]: string };

type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
export type Values<K extends Key> = Record<Names<(typeof en)[K]>, string | number>;
/** No argument for a text without placeholders, exactly its placeholders otherwise. */
export type Arguments<K extends Key> = [Names<(typeof en)[K]>] extends [never] ? [] : [Values<K>];
/** The keys of texts without placeholders. */
export type PlainKey = { [K in Key]: [Names<(typeof en)[K]>] extends [never] ? K : never }[Key];
/** The keys that come as `.one` and `.other`. */
export type PluralKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;

/** Puts values into the `{placeholders}` of a text. */
export function fill(text: string, values: Record<string, string | number>, number: (n: number) => string): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : value;
  });
}

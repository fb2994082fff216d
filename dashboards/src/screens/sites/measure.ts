// A measure as it is written.
import { number, t } from "../../i18n";

/** Seconds, or a dash where nothing was measured yet. */
export function secs(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : t("site.secs", { n: number(value) });
}

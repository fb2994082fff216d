// What is known of a site at a glance: how it sends, and how its certificate stands.
import type { Certificate, Health, Site } from "../../api/oversight";

/** What may be looked at, from the worst; each stands for one or more states of the server. */
export const GROUPS = {
  silent: ["never_spoke", "silent"],
  partly: ["source_silent"],
  volume: ["drop", "surge"],
  skewed: ["skewed"],
  ok: ["ok"],
  waiting: ["learning", "waiting"],
} as const satisfies Record<string, readonly Health[]>;
export type Group = keyof typeof GROUPS;

export const SHOWN = ["all", "silent", "partly", "volume", "skewed", "ok", "waiting", "certificate"] as const;
export type Shown = (typeof SHOWN)[number];
export type CertificateState = "none" | "valid" | "soon" | "expired" | "revoked";

const SOON_MS = 30 * 864e5;
const ORDER: readonly Health[] = Object.values(GROUPS).flat();

/** Whether a site is in a group of states. */
export function isOf(site: Site, group: Group): boolean {
  const states: readonly Health[] = GROUPS[group];
  return states.includes(site.state);
}

/** The sites, the worst first. */
export function worstFirst(sites: readonly Site[]): Site[] {
  const rank = (site: Site) => ORDER.indexOf(site.state);
  return [...sites].sort((one, other) => rank(one) - rank(other) || one.id.localeCompare(other.id));
}

/** The certificates of each site, the one that lasts longest first; a revoked one never stands before one that is in force. */
export function certificatesBySite(all: readonly Certificate[]): Map<string, Certificate[]> {
  const sites = new Map<string, Certificate[]>();
  for (const one of all) if (one.profile === "site") sites.set(one.subject, [...(sites.get(one.subject) ?? []), one]);
  const over = (one: Certificate) => Number(Boolean(one.revoked));
  for (const list of sites.values()) list.sort((a, b) => over(a) - over(b) || b.not_after.localeCompare(a.not_after));
  return sites;
}

/** How a site's certificate stands. */
export function certificateState(certificate: Certificate | undefined, now: number): CertificateState {
  if (!certificate) return "none";
  if (certificate.revoked) return "revoked";
  const left = Date.parse(certificate.not_after) - now;
  if (left <= 0) return "expired";
  return left < SOON_MS ? "soon" : "valid";
}

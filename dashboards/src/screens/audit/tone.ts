// Acts that change what others may see or do stand out; reading does not.

const SHARP = /^(sign_in_refused|policy_change|exception_add|exception_withdraw|certificate_revoked|revoked_certificate_used|ledger_repair|recover)/;
const CHANGES = /^(user_|token_|alert_update|rules_|import|certificate_|authority_|reload|response_|reconcile_|sign_|session_|setup)/;

/** The chip's class for an act. */
export function toneOf(action: string, outcome: string): string {
  if (outcome === "failure" || SHARP.test(action)) return "warn";
  return CHANGES.test(action) ? "accent" : "";
}

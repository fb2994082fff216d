// A failure in words that a person can use.
import { Problem } from "../api/client";
import { t } from "../i18n";

export function reason(error: unknown): string {
  if (!(error instanceof Problem)) return String(error);
  if (error.status === 0) return t("problem.network");
  return error.detail || error.title || t("problem.unknown", { status: String(error.status) });
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "", String(error));
}

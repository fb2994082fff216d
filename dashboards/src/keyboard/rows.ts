// Walking a list of rows with j and k, or the arrows: the focus moves from one `[data-row]` to the next.

/** Moves the focus to the neighbour of the row that has it, or to the chosen or first row. */
export function stepRow(root: ParentNode | undefined, by: 1 | -1): void {
  const rows = [...(root?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const focused = rows.findIndex((row) => row === document.activeElement);
  const chosen = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const from = focused >= 0 ? focused + by : Math.max(0, chosen);
  const row = rows[Math.max(0, Math.min(rows.length - 1, from))];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

/** Puts the focus on the row that is or was chosen. */
export function focusRow(root: ParentNode | undefined, id: string | undefined): void {
  const row = id && root?.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`);
  if (row) row.focus();
}

// What was added to the search: links and columns in English.
export const searchTexts = {
  "share.title": "Link to this search",
  "share.text": "Whoever opens it must sign in and sees only what his role may. The query stands in the link as readable text: do not send it where a name in it should not be read.",
  "share.fixed": "Keep the times as they are now",
  "share.copy": "Copy the link",
  "share.manual": "The browser did not allow it: copy the selected text yourself.",
  "range.pick": "Pick from a calendar: {edge}",
  "columns.button": "Columns",
  "columns.usual": "The usual columns are shown: site, dataset, event.",
  "columns.add": "Add a field",
  "columns.left": "Move {field} to the left",
  "columns.right": "Move {field} to the right",
} as const;

// YAML cut into what the eye tells apart: keys, comments and the rest. For showing only; nothing is read from it.

export interface Piece {
  kind: "key" | "comment" | "text";
  text: string;
}

const LINE = /^(\s*(?:- )*)((?:"[^"]*"|'[^']*'|[^\s#'":][^:#]*?)(?=:(?:\s|$)))?(.*)$/;

/** The pieces of one line, which together are the line. */
export function pieces(line: string): Piece[] {
  if (/^\s*#/.test(line)) return [{ kind: "comment", text: line }];
  const [, lead = "", key = "", rest = ""] = LINE.exec(line) ?? [];
  const all: Piece[] = [
    { kind: "text", text: lead },
    { kind: "key", text: key },
    { kind: "text", text: rest },
  ];
  return all.filter((piece) => piece.text !== "");
}

// Writing conditions of the query language (Lucene syntax): quoting, adding, taking the error's place apart.

const BARE = /^[\p{L}\p{N}_][\p{L}\p{N}_.\-@]*$/u;
const WORDS = new Set(["AND", "OR", "NOT", "TO"]);

/** A value as a query writes it: bare when that is safe, quoted otherwise. */
export function quote(value: string): string {
  if (BARE.test(value) && !WORDS.has(value)) return value;
  return `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

export function condition(field: string, value: string | number | boolean): string {
  return `${field}:${quote(String(value))}`;
}

/** The query with one more condition; a condition that is already there is not written twice, its opposite is replaced. */
export function narrow(query: string, field: string, value: string | number | boolean, leaveOut: boolean): string {
  const plain = condition(field, value);
  const wanted = leaveOut ? `NOT ${plain}` : plain;
  const terms = topLevelTerms(query);
  if (!terms) return `(${query.trim()}) AND ${wanted}`;
  const others = terms.filter((term) => term !== plain && term !== `NOT ${plain}`);
  return [...others, wanted].join(" AND ");
}

/** The parts of `a AND b AND NOT c`, or nothing when the query is not of this simple form (`a b` means `a OR b`). */
export function topLevelTerms(query: string): string[] | undefined {
  const tokens = split(query);
  if (!tokens) return undefined;
  const terms: string[] = [];
  let negated = false;
  let joined = true;
  for (const token of tokens) {
    if (token === "AND" && !joined) {
      joined = true;
      continue;
    }
    if (token === "AND" || token === "OR" || !joined) return undefined;
    if (token === "NOT") {
      negated = true;
      continue;
    }
    terms.push(negated ? `NOT ${token}` : token);
    negated = false;
    joined = false;
  }
  return negated || (joined && terms.length) ? undefined : terms;
}

/** Splits at spaces outside quotes and brackets; nothing when they do not close. */
function split(query: string): string[] | undefined {
  const tokens: string[] = [];
  let token = "";
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < query.length; at += 1) {
    const c = query.charAt(at);
    if (quoted && c === "\\") {
      token += c + query.charAt(at + 1);
      at += 1;
      continue;
    }
    if (c === '"') quoted = !quoted;
    if (!quoted && "([{".includes(c)) depth += 1;
    if (!quoted && ")]}".includes(c)) depth -= 1;
    if (/\s/.test(c) && !quoted && depth === 0) {
      if (token) tokens.push(token);
      token = "";
    } else token += c;
  }
  if (token) tokens.push(token);
  return quoted || depth !== 0 ? undefined : tokens;
}

export interface Fault {
  before: string;
  at: string;
  after: string;
}

/** The query cut (`position` counted from 1) at the place of the error, so that the place can be marked; long queries are cut at both sides. */
export function fault(query: string, position: number): Fault {
  const characters = [...query];
  const at = Math.max(0, Math.min(position - 1, characters.length));
  const before = characters.slice(0, at);
  const after = characters.slice(at + 1);
  return {
    before: before.length > 60 ? `…${before.slice(-59).join("")}` : before.join(""),
    at: characters[at] ?? " ",
    after: after.length > 40 ? `${after.slice(0, 39).join("")}…` : after.join(""),
  };
}

/** The field name that is being written at the caret, and where it starts. */
export function unfinishedField(query: string, caret: number): { start: number; text: string } | undefined {
  const written = /(?:^|[\s(])([\p{L}@_][\p{L}\p{N}@_.]*)$/u.exec(query.slice(0, caret));
  const text = written?.[1];
  return text && !WORDS.has(text) ? { start: caret - text.length, text } : undefined;
}

// A small reading of the query language, enough for a page to be built against: fields, phrases, groups, ranges, CIDR.

export class QueryError extends Error {
  constructor(position, expected, message) {
    super(`query, character ${position + 1}: ${message}`);
    this.position = position + 1;
    this.expected = expected;
  }
}

function tokens(query) {
  const list = [];
  const shape = /\s+|"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[()]|(?:\\.|[^\s()":[\]])+|[:]|["[\]]/gu;
  for (const found of query.matchAll(shape)) {
    if (/^\s+$/.test(found[0])) continue;
    const at = [...query.slice(0, found.index)].length;
    if (found[0] === '"') throw new QueryError(at, "`\"`", "the quotation mark at this place is never closed");
    if (found[0] === "[") throw new QueryError(at, "`]`", "the range at this place is never closed");
    list.push({ text: found[0], at });
  }
  return list;
}

/** Compiles a query to `(fields) => matches`, and to the words that are to be marked. */
export function compile(query) {
  const list = tokens(query);
  const end = [...query].length;
  const marks = [];
  let at = 0;
  const peek = () => list[at]?.text;
  const place = () => list[at]?.at ?? end;

  function either() {
    let left = both();
    while (peek() !== undefined && peek() !== ")") {
      if (peek() === "OR") at += 1;
      const [a, b] = [left, both()];
      left = (f) => a(f) || b(f);
    }
    return left;
  }

  function both() {
    let left = not();
    while (peek() === "AND") {
      at += 1;
      const [a, b] = [left, not()];
      left = (f) => a(f) && b(f);
    }
    return left;
  }

  function not() {
    if (peek() !== "NOT") return term();
    at += 1;
    const inner = not();
    return (f) => !inner(f);
  }

  function term() {
    const word = peek();
    if (word === undefined) throw new QueryError(place(), "a clause", "the query ends where a condition is expected");
    if (word === "(") return group(either);
    if (word === ")" || word === ":" || word === "AND" || word === "OR")
      throw new QueryError(place(), "a clause", `\`${word}\` cannot stand here`);
    at += 1;
    if (peek() !== ":") return value(word, "message");
    at += 1;
    if (peek() === "(") {
      return group(function inner() {
        let left = value(take(), word);
        while (peek() === "OR" || peek() === "AND") {
          const any = peek() === "OR";
          at += 1;
          const [a, b] = [left, value(take(), word)];
          left = any ? (f) => a(f) || b(f) : (f) => a(f) && b(f);
        }
        return left;
      });
    }
    let text = take();
    while (peek() === ":") {
      at += 1;
      text += `:${take()}`;
    }
    return value(text, word);
  }

  function take() {
    const word = peek();
    if (word === undefined || word === ")") throw new QueryError(place(), "a value", "a value is missing");
    at += 1;
    return word;
  }

  function group(inside) {
    at += 1;
    const made = inside();
    if (peek() !== ")") throw new QueryError(place(), "`)`", "the bracket is never closed");
    at += 1;
    return made;
  }

  function value(word, field) {
    const quoted = word.startsWith('"');
    const plain = quoted ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word.replace(/\\(.)/g, "$1");
    const range = /^\[(\S+) TO (\S+)\]$/.exec(word);
    if (range) return (f) => Number(f[field]) >= low(range[1], -Infinity) && Number(f[field]) <= low(range[2], Infinity);
    const compare = /^(>=|<=|>|<)(-?[\d.]+)$/.exec(word);
    if (compare) {
      const n = Number(compare[2]);
      const how = { ">=": (v) => v >= n, "<=": (v) => v <= n, ">": (v) => v > n, "<": (v) => v < n }[compare[1]];
      return (f) => f[field] !== undefined && how(Number(f[field]));
    }
    if (!quoted && plain === "*") return (f) => f[field] !== undefined;
    if (/^\d+(\.\d+){3}\/\d+$/.test(plain)) return (f) => inNetwork(String(f[field] ?? ""), plain);
    if (/^[\da-f:]+\/\d+$/i.test(plain)) {
      const start = plain.split("/")[0].replace(/::$/, ":");
      return (f) => String(f[field] ?? "").startsWith(start);
    }
    const needle = plain.toLowerCase();
    marks.push({ field, text: needle.replace(/[*?]/g, "") });
    if (!quoted && /[*?]/.test(plain)) {
      const shape = new RegExp(
        `^${needle.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`,
        "u",
      );
      return (f) => shape.test(String(f[field] ?? "").toLowerCase());
    }
    if (field === "message") return (f) => String(f.message ?? "").toLowerCase().includes(needle);
    return (f) => String(f[field] ?? "").toLowerCase() === needle;
  }

  if (!list.length) return { matches: () => true, marks };
  const matches = either();
  if (at < list.length) throw new QueryError(place(), "the end or another clause", `\`${peek()}\` cannot stand here`);
  return { matches, marks };
}

const low = (text, otherwise) => (text === "*" ? otherwise : Number(text));

function inNetwork(address, network) {
  const number = (text) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base, bits] = network.split("/");
  if (!/^\d+(\.\d+){3}$/.test(address)) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

/** Cuts a text into what was searched for and what was not. */
export function segments(text, marks) {
  const hit = marks.find((mark) => mark && text.toLowerCase().includes(mark));
  if (!hit) return undefined;
  const parts = [];
  let from = 0;
  for (let at = text.toLowerCase().indexOf(hit); at >= 0; at = text.toLowerCase().indexOf(hit, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), hit: false });
    parts.push({ text: text.slice(at, at + hit.length), hit: true });
    from = at + hit.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), hit: false });
  return [parts];
}

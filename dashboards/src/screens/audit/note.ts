// A checkpoint of the ledger as people read it: whose, how many entries, the root over all (C2SP tlog-checkpoint).

export interface Note {
  origin: string;
  size: number;
  root: string;
  /** Who signed it, by the names on the signature lines. */
  signers: string[];
}

/** The parts of a signed note; nothing when it is none. */
export function readNote(text: string): Note | undefined {
  const [body, signatures] = text.split("\n\n");
  const [origin, size, root] = (body ?? "").split("\n");
  if (!origin || !size || !root || !/^(0|[1-9]\d{0,15})$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root)) return undefined;
  const signers = (signatures ?? "").split("\n").flatMap((line) => /^— (\S+) \S+$/.exec(line)?.[1] ?? []);
  return signers.length ? { origin, size: Number(size), root, signers } : undefined;
}

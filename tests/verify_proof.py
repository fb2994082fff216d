#!/usr/bin/env python3
"""Checks what `metrosoc ledger prove EVENT` prints, with the standard library alone: verify_proof.py PROOF [NOTE]

Prints what holds and ends with 0, or says what does not and ends with 1. With NOTE, a checkpoint kept elsewhere, the
proof must be under just that one. The note's Ed25519 signature is for a tool that knows the key (`openssl pkeyutl`).
"""
import base64, hashlib, json, sys


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaf, index, size, path):
    """RFC 9162, 2.1.3.2: from a leaf to the root of a tree of `size` leaves; None when the path does not fit."""
    node, last, found = index, size - 1, leaf
    if not 0 <= index < size:
        return None
    for sibling in map(bytes.fromhex, path):
        if last == 0:
            return None
        if node & 1 or node == last:
            found = sha(b"\1", sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = sha(b"\1", found, sibling)
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def check(proof, note=None):
    assert proof["form"] == 1, "form"
    leaf, batch, place = bytes.fromhex(proof["leaf"]), proof["batch"], proof["entry"]
    if proof["stored"] is not None:
        stored = base64.b64decode(proof["stored"], validate=True)
        salt = bytes.fromhex(proof["salt"])
        assert sha(b"\0", salt, proof["event"].to_bytes(8, "big"), stored) == leaf, "stored bytes"
    entry = json.loads(place["text"])
    detail = entry["detail"]
    assert entry["action"] == "batch_indexed" and entry["index"] == place["index"], "entry"
    assert detail["count"] == batch["size"], "batch size"
    found = root(leaf, batch["index"], batch["size"], batch["path"])
    assert found is not None and found.hex() == detail["root"], "path in the batch"
    assert note is None or note == proof["checkpoint"], "checkpoint"
    origin, size, signed, blank, *signatures = proof["checkpoint"].split("\n")
    assert blank == "" and any(line.startswith(f"\u2014 {origin} ") for line in signatures), "note"
    entry_leaf = sha(b"\0", place["text"].encode())
    found = root(entry_leaf, place["index"], int(size), place["path"])
    assert found == base64.b64decode(signed, validate=True), "path in the ledger"
    what = "stored bytes" if proof["stored"] is not None else "leaf"
    return f"{what} of event {proof['event']} in entry {place['index']} of {size} by {origin}, {entry['time']}"


if __name__ == "__main__":
    try:
        given = [open(path, encoding="utf-8").read() for path in sys.argv[1:3]]
        print(check(json.loads(given[0]), *given[1:]))
    except (AssertionError, ValueError, KeyError, TypeError, IndexError) as fault:
        sys.exit(f"does not hold: {fault}")

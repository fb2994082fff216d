// Checkpoints are read strictly, and questions to the record mean what was chosen.
import { expect, test } from "vitest";
import { readNote } from "./note";
import { queryOf } from "./query";

const ROOT = "XU4HGTMOT8TeV4XIHqjynAqUAX3DRyRTzhCSU6IVaZk=";

test("a checkpoint", () => {
  expect(readNote(`metrosoc-ledger\n1192\n${ROOT}\n\n— metrosoc-ledger 5VF3RrecnD6U\n`)).toEqual({
    origin: "metrosoc-ledger",
    size: 1192,
    root: ROOT,
    signers: ["metrosoc-ledger"],
  });
});

test.each(["", "a\n1\nb\n\n— a b\n", `a\n-1\n${ROOT}\n\n— a b\n`, `a\n01\n${ROOT}\n\n— a b\n`, `a\n1\n${ROOT}\n`, `a\n1\n${ROOT}\n\nno signature\n`])(
  "%j is none",
  (text) => expect(readNote(text)).toBeUndefined(),
);

const NOTHING = { people: false, person: "", action: "", object: "" };
test.each([
  [{}, ""],
  [{ people: true }, "user.name:* AND NOT user.name:site\\:*"],
  [{ people: true, person: "lan" }, "user.name:lan"],
  [{ person: "local:0", action: "sign_in" }, 'user.name:"local:0" AND event.action:sign_in'],
  [{ object: " alert " }, "metrosoc.audit.object:*alert*"],
  [{ object: 'a" OR x:*' }, 'metrosoc.audit.object:"a\\" OR x:*"'],
])("%j", (more, expected) => expect(queryOf({ ...NOTHING, ...more })).toBe(expected));

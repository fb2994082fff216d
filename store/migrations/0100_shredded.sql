-- What was destroyed of the vault: tokens and keyed hashes of values, never a value. The list is the same as beside the data
-- keys; whatever of it is found again (after a restore) is destroyed again before anything is read.
CREATE TABLE shredded (
    token       TEXT   NOT NULL PRIMARY KEY,
    value_mark  TEXT   NOT NULL,
    certificate TEXT   NOT NULL,
    shredded_ns BIGINT NOT NULL
);
CREATE INDEX shredded_value ON shredded (value_mark);
CREATE INDEX shredded_certificate ON shredded (certificate);

-- Who had it destroyed, why, and which records the spool had received by then.
CREATE TABLE shred_order (
    certificate    TEXT   NOT NULL PRIMARY KEY,
    ordered_ns     BIGINT NOT NULL,
    ordered_by     TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    purpose        TEXT   NOT NULL,
    -- Empty for none.
    case_id        TEXT   NOT NULL,
    ledger_entry   BIGINT NOT NULL,
    -- Records before this number may hold the values, as long as the spool has them.
    spool_before   BIGINT NOT NULL,
    -- When the last of them was seen to be gone; 0 before.
    spool_gone_ns  BIGINT NOT NULL
);

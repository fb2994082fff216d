-- Every version of a rule that came into force. A row is never changed; the oldest go when a rule has more than 50.
CREATE TABLE rule_versions (
    rule          TEXT   NOT NULL,
    -- From 1 for each rule; the greatest is what was loaded last.
    number        BIGINT NOT NULL,
    time_ns       BIGINT NOT NULL,
    -- At whose reload.
    actor         TEXT   NOT NULL,
    -- added, changed or removed.
    action        TEXT   NOT NULL,
    title         TEXT   NOT NULL,
    path          TEXT   NOT NULL,
    modified      TEXT,
    -- SHA-256 in hexadecimal; nothing when it was removed.
    digest        TEXT,
    before_digest TEXT,
    text          TEXT   NOT NULL,
    -- The number of the ledger's entry.
    ledger        BIGINT NOT NULL,
    PRIMARY KEY (rule, number)
);

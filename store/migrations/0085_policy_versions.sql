-- Every policy that was imported, whole. A row is never changed; the greatest number is in force. Without a row the
-- policy that the program comes with is. Times are nanoseconds since 1970.
CREATE TABLE policy_version (
    number   BIGINT NOT NULL PRIMARY KEY,
    -- As the guard names it: the beginning of a SHA-256 over all four files.
    digest   TEXT   NOT NULL,
    time_ns  BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    reason   TEXT   NOT NULL,
    -- Lines of the policy that the version before did not have, and lines that it had and this one has not.
    added    BIGINT NOT NULL,
    removed  BIGINT NOT NULL,
    -- The number of the ledger's entry.
    ledger   BIGINT NOT NULL,
    model    TEXT   NOT NULL,
    policy   TEXT   NOT NULL,
    purposes TEXT   NOT NULL,
    masks    TEXT   NOT NULL
);

-- How often what was asked and decided, by the hour; kept 32 days. `agency`, `purpose` and `basis` are empty without one.
CREATE TABLE policy_decision (
    hour_ns   BIGINT NOT NULL,
    name      TEXT   NOT NULL,
    role      TEXT   NOT NULL,
    agency    TEXT   NOT NULL,
    operation TEXT   NOT NULL,
    object    TEXT   NOT NULL,
    purpose   TEXT   NOT NULL,
    basis     TEXT   NOT NULL,
    strength  TEXT   NOT NULL,
    allowed   BIGINT NOT NULL,
    times     BIGINT NOT NULL,
    PRIMARY KEY (hour_ns, name, role, agency, operation, object, purpose, basis, strength, allowed)
);

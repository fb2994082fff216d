-- Separation of duties: who asked that somebody gets a sensitive role, and who decided. Times are nanoseconds since 1970.
CREATE TABLE role_request (
    id           TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   NOT NULL,
    role         TEXT   NOT NULL,
    -- Empty for accounts that speak for none.
    agency       TEXT   NOT NULL,
    requested_by TEXT   NOT NULL,
    requested_ns BIGINT NOT NULL,
    reason       TEXT   NOT NULL,
    -- waiting, approved or refused.
    state        TEXT   NOT NULL,
    -- Empty and 0 while it waits.
    decided_by   TEXT   NOT NULL,
    decided_ns   BIGINT NOT NULL,
    -- Why it was refused.
    answer       TEXT   NOT NULL
);
CREATE INDEX role_request_state ON role_request (state, requested_ns);

-- What a sensitive role asks of a person: training, appointment, confidentiality; the newest of each.
CREATE TABLE personnel (
    account     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    begins_ns   BIGINT NOT NULL,
    ends_ns     BIGINT NOT NULL,
    -- What proves it: number or title of the document.
    document    TEXT   NOT NULL,
    recorded_by TEXT   NOT NULL,
    recorded_ns BIGINT NOT NULL,
    PRIMARY KEY (account, kind)
);

-- What the data-protection officer must take note of.
CREATE TABLE policy_notice (
    id              TEXT   NOT NULL PRIMARY KEY,
    time_ns         BIGINT NOT NULL,
    kind            TEXT   NOT NULL,
    actor           TEXT   NOT NULL,
    object          TEXT   NOT NULL,
    detail          TEXT   NOT NULL,
    -- Empty and 0 until then.
    acknowledged_by TEXT   NOT NULL,
    acknowledged_ns BIGINT NOT NULL
);
CREATE INDEX policy_notice_open ON policy_notice (acknowledged_ns, time_ns);

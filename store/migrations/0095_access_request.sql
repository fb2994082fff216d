-- Who asked for which data, and what was decided. Times are nanoseconds since 1970.
CREATE TABLE access_request (
    id         TEXT   NOT NULL PRIMARY KEY,
    -- asked, approved, narrowed, refused, withdrawn, expired or renewed.
    state      TEXT   NOT NULL,
    -- Whose data.
    agency     TEXT   NOT NULL,
    asked_by   TEXT   NOT NULL,
    asked_ns   BIGINT NOT NULL,
    -- Until when it asks, or grants.
    until_ns   BIGINT NOT NULL,
    -- Goes up with every step; who decides says which he saw.
    revision   BIGINT NOT NULL,
    -- The whole: terms, approvals, history (JSON).
    body       TEXT   NOT NULL
);
CREATE INDEX access_request_state ON access_request (state, asked_ns);

-- The latest time at which grants were looked at: a clock that goes back, over a restart too, brings none back.
CREATE TABLE access_clock (
    one       BIGINT NOT NULL PRIMARY KEY,
    latest_ns BIGINT NOT NULL
);
INSERT INTO access_clock (one, latest_ns) VALUES (1, 0);

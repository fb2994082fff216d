-- What data subjects asked for and breaches that must be reported, with the clocks of the law. Times are nanoseconds since
-- 1970. No value stands in it: persons are meant by their tokens.
CREATE TABLE subject_request (
    id          TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    -- open or closed.
    state       TEXT   NOT NULL,
    received_ns BIGINT NOT NULL,
    -- Goes up with every step; of two who act at once one is first.
    revision    BIGINT NOT NULL,
    -- The whole: reference, tokens, steps (JSON).
    body        TEXT   NOT NULL
);
CREATE INDEX subject_request_state ON subject_request (state, received_ns);

-- Tokens of persons whose data is not processed further until that is lifted.
CREATE TABLE subject_restriction (
    id        TEXT   NOT NULL,
    token     TEXT   NOT NULL,
    since_ns  BIGINT NOT NULL,
    set_by    TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    -- 0 and empty while it is in force.
    lifted_ns BIGINT NOT NULL,
    lifted_by TEXT   NOT NULL,
    PRIMARY KEY (id, token)
);
CREATE INDEX subject_restriction_force ON subject_restriction (lifted_ns);

-- Destruction that waits for a second person.
CREATE TABLE shred_waiting (
    id       TEXT   NOT NULL PRIMARY KEY,
    asked_ns BIGINT NOT NULL,
    asked_by TEXT   NOT NULL,
    reason   TEXT   NOT NULL,
    purpose  TEXT   NOT NULL,
    -- Empty for none.
    case_id  TEXT   NOT NULL,
    -- Tokens, a space between them.
    tokens   TEXT   NOT NULL
);

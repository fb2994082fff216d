-- Who asked to turn which pseudonyms back, and who allowed it; no value ever lies here. Times are nanoseconds since 1970.
CREATE TABLE reveal (
    id        TEXT   NOT NULL PRIMARY KEY,
    -- asked, approved, refused, withdrawn or ended.
    state     TEXT   NOT NULL,
    agency    TEXT   NOT NULL,
    asked_by  TEXT   NOT NULL,
    asked_ns  BIGINT NOT NULL,
    -- When a use of break-glass must be reviewed, 0 where there is nothing to review (any more).
    review_ns BIGINT NOT NULL,
    revision  BIGINT NOT NULL,
    -- The whole: tokens, approvals, history (JSON).
    body      TEXT   NOT NULL
);
CREATE INDEX reveal_state ON reveal (state, asked_ns);
CREATE INDEX reveal_review ON reveal (review_ns);

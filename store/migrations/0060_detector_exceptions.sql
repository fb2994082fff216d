-- Decisions to hide findings. A row is written once and changed once, by its withdrawal; none is ever deleted.
CREATE TABLE detector_exception (
    id               TEXT   NOT NULL PRIMARY KEY,
    -- JSON: {"rules": [ids]} or {"level": "low"}.
    target           TEXT   NOT NULL,
    -- JSON: field|modifiers to values, as in a Sigma search identifier.
    fields           TEXT   NOT NULL,
    reason           TEXT   NOT NULL,
    owner            TEXT   NOT NULL,
    created_ns       BIGINT NOT NULL,
    created_by       TEXT   NOT NULL,
    expires_ns       BIGINT NOT NULL,
    withdrawn_ns     BIGINT,
    withdrawn_by     TEXT,
    withdrawn_reason TEXT
);

CREATE INDEX detector_exception_created ON detector_exception (created_ns, id);
CREATE INDEX detector_exception_expires ON detector_exception (expires_ns);

-- Response plans and the journal of what was done with them.

-- One plan is one playbook's action on one target for one alert.
CREATE TABLE response_plan (
    id            TEXT   NOT NULL PRIMARY KEY,
    alert         TEXT   NOT NULL,
    playbook      TEXT   NOT NULL,
    target        TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    why           TEXT   NOT NULL,
    checks        TEXT   NOT NULL,
    note          TEXT   NOT NULL,
    site          TEXT,
    agency        TEXT,
    created_ms    BIGINT NOT NULL,
    updated_ms    BIGINT NOT NULL,
    started_ms    BIGINT,
    ends_ms       BIGINT,
    UNIQUE (alert, playbook, target)
);

CREATE INDEX response_plan_status ON response_plan (status, created_ms);
CREATE INDEX response_plan_target ON response_plan (target, status);
CREATE INDEX response_plan_created ON response_plan (created_ms, id);

-- What happened to a plan, in order.
CREATE TABLE response_journal (
    plan      TEXT   NOT NULL REFERENCES response_plan (id),
    number    BIGINT NOT NULL,
    time_ms   BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    entry     TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (plan, number)
);

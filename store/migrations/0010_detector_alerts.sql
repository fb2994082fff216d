-- Alerts and what happened to them. The detector's position in the stream of events is the meta `detector_position`,
-- written in the same transaction as the alerts, so that a replay never counts twice.

CREATE TABLE alert (
    id             TEXT   NOT NULL PRIMARY KEY,
    -- Rule, site and entity: findings with the same key belong together while the alert is open.
    group_key      TEXT   NOT NULL,
    rule           TEXT   NOT NULL,
    level          TEXT   NOT NULL,
    -- Title, rule id, tags and site in lower case, for free text.
    words          TEXT   NOT NULL,
    status         TEXT   NOT NULL,
    assignee       TEXT,
    count          BIGINT NOT NULL,
    first_seen_ns  BIGINT NOT NULL,
    last_seen_ns   BIGINT NOT NULL,
    created_ns     BIGINT NOT NULL,
    updated_ns     BIGINT NOT NULL,
    site           TEXT,
    agency         TEXT,
    host           TEXT,
    user_name      TEXT,
    source_ip      TEXT,
    destination_ip TEXT,
    events         TEXT   NOT NULL,
    authenticated  BIGINT NOT NULL
);

CREATE INDEX alert_group ON alert (group_key, last_seen_ns);
CREATE INDEX alert_recent ON alert (last_seen_ns, id);
CREATE INDEX alert_status ON alert (status, last_seen_ns);
CREATE INDEX alert_site ON alert (site, last_seen_ns);

-- What happened to an alert, in order.
CREATE TABLE alert_history (
    alert   TEXT   NOT NULL REFERENCES alert (id),
    number  BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    PRIMARY KEY (alert, number)
);

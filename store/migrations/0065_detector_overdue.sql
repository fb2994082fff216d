-- Findings that time gave, not an event: after a crash a correlation may give one again, and it must not count twice.
CREATE TABLE detector_overdue (
    -- SHA-256, in hexadecimal digits, of rule, group and the events that took part.
    finding  TEXT   NOT NULL PRIMARY KEY,
    taken_ns BIGINT NOT NULL
);

CREATE INDEX detector_overdue_taken ON detector_overdue (taken_ns);

-- What in an alert reads like a pseudonym, so that alerts on a person whose data is not processed further are found by
-- an index. `*` stands for more of them than are kept apart.
CREATE TABLE alert_token (
    token TEXT NOT NULL,
    alert TEXT NOT NULL REFERENCES alert (id),
    PRIMARY KEY (token, alert)
);

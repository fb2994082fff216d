-- Writings are found through their value: a value has few of them, so that `mark` needs no index of its own, and bringing a
-- value in changes two indexes and no third. That two who bring the same value agree follows from (value_mark, writing).
CREATE TABLE vault_value_by_value (
    mark       TEXT   NOT NULL,
    value_mark TEXT   NOT NULL,
    writing    BIGINT NOT NULL,
    token      TEXT   NOT NULL,
    class      TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,
    created_ns BIGINT NOT NULL,
    PRIMARY KEY (value_mark, writing),
    UNIQUE (token, writing)
);
INSERT INTO vault_value_by_value (mark, value_mark, writing, token, class, sealed, created_ns)
    SELECT mark, value_mark, writing, token, class, sealed, created_ns FROM vault_value;
DROP TABLE vault_value;
ALTER TABLE vault_value_by_value RENAME TO vault_value;

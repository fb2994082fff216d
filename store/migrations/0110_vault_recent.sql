-- Rows of `vault_value` on their way there: written one behind the other, without an index, and moved over many at a time, so
-- that a new value does not write a page of each index by itself. SQLite alone has rows here.
CREATE TABLE vault_recent (
    mark       TEXT   NOT NULL,
    value_mark TEXT   NOT NULL,
    writing    BIGINT NOT NULL,
    token      TEXT   NOT NULL,
    class      TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,
    created_ns BIGINT NOT NULL
);

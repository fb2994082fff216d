-- Personal values under pseudonyms. A row is a writing of a value; the first writing makes the token.
-- `mark` is the keyed hash of class and writing, `value_mark` that of class and normalised value; `sealed` (base64) opens
-- with the token's data key alone, and that key never lies in this database.
CREATE TABLE vault_value (
    mark       TEXT   NOT NULL PRIMARY KEY,
    value_mark TEXT   NOT NULL,
    writing    BIGINT NOT NULL,
    token      TEXT   NOT NULL,
    class      TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,
    created_ns BIGINT NOT NULL,
    UNIQUE (value_mark, writing),
    UNIQUE (token, writing)
);

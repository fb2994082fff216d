-- Rows of `data_key` on their way there, as those of `vault_recent` in the main database.
CREATE TABLE data_key_recent (
    token   TEXT NOT NULL,
    wrapped TEXT NOT NULL
);

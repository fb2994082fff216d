-- The data keys of the vault, each wrapped under a key derived from the master key (base64). This database is apart, so
-- that no backup of the main one holds a key: without its row here nobody opens a value again.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE data_key (
    token   TEXT NOT NULL PRIMARY KEY,
    wrapped TEXT NOT NULL
);

-- The tokens whose keys were destroyed; beside the keys, since no backup goes back behind this list.
CREATE TABLE shredded (
    token       TEXT   NOT NULL PRIMARY KEY,
    value_mark  TEXT   NOT NULL,
    certificate TEXT   NOT NULL,
    shredded_ns BIGINT NOT NULL
);

-- Small facts about this store, by name; also what readiness is probed with.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

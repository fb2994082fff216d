-- How far each edge's records are stored: the highest sequence of each of its lanes, -1 for none. `stream` is the edge's own id
-- for its spool. What the spool holds behind the position of its consumer `edges` comes on top at every start.
CREATE TABLE collector_edge (
    site     TEXT   NOT NULL,
    stream   TEXT   NOT NULL,
    urgent   BIGINT NOT NULL,
    ordinary BIGINT NOT NULL,
    seen_ms  BIGINT NOT NULL,
    PRIMARY KEY (site, stream)
);

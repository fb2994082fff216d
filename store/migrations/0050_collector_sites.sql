-- The register of sites and agencies, and what each source has sent.

CREATE TABLE collector_agency (
    id   TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);

-- `addresses` are networks with a space between.
CREATE TABLE collector_site (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    agency        TEXT   NOT NULL,
    data_center   TEXT   NOT NULL,
    addresses     TEXT   NOT NULL,
    latitude_deg  DOUBLE PRECISION,
    longitude_deg DOUBLE PRECISION,
    ward_code     TEXT,
    updated_ms    BIGINT NOT NULL
);

-- One row is one stream of logs: a transport and its sender. Counts are since the row was made.
CREATE TABLE collector_source (
    id            TEXT   NOT NULL PRIMARY KEY,
    site          TEXT   NOT NULL,
    known_by      TEXT   NOT NULL,
    transport     TEXT   NOT NULL,
    peer          TEXT   NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms  BIGINT NOT NULL,
    records       BIGINT NOT NULL,
    bytes         BIGINT NOT NULL,
    dropped       BIGINT NOT NULL,
    refused       BIGINT NOT NULL
);

CREATE INDEX collector_source_by_site ON collector_source (site);

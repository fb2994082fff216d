-- One-time tokens by which a site enrols itself. The token itself is not kept: its SHA-256 is the key of the row.
CREATE TABLE pki_token (
    token_sha256 TEXT   NOT NULL PRIMARY KEY,
    site         TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    used_ms      BIGINT
);

CREATE INDEX pki_token_expires ON pki_token (expires_ms);

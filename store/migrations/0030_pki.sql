-- The certificate authority: its two certificates, every certificate it signed or meant to sign, the number of its last list.

-- `root` and `issuing`. The private keys are sealed; the sealed form is in hexadecimal digits.
CREATE TABLE pki_authority (
    name            TEXT   NOT NULL PRIMARY KEY,
    serial          TEXT   NOT NULL,
    certificate_pem TEXT   NOT NULL,
    key_sealed      TEXT   NOT NULL,
    created_ms      BIGINT NOT NULL,
    not_after_ms    BIGINT NOT NULL,
    crl_number      BIGINT NOT NULL
);

-- One row is one serial number. It is written as `intent` before anything is signed, then becomes `issued`, perhaps `revoked`.
CREATE TABLE pki_certificate (
    serial          TEXT   NOT NULL PRIMARY KEY,
    profile         TEXT   NOT NULL,
    subject         TEXT   NOT NULL,
    key_origin      TEXT   NOT NULL,
    key_sha256      TEXT   NOT NULL,
    status          TEXT   NOT NULL,
    created_by      TEXT   NOT NULL,
    created_ms      BIGINT NOT NULL,
    not_before_ms   BIGINT NOT NULL,
    not_after_ms    BIGINT NOT NULL,
    names           TEXT   NOT NULL,
    certificate_pem TEXT,
    key_sealed      TEXT,
    revoked_ms      BIGINT,
    revoked_by      TEXT,
    reason          TEXT
);

CREATE INDEX pki_certificate_subject ON pki_certificate (profile, subject, status);
CREATE INDEX pki_certificate_status ON pki_certificate (status, not_after_ms);
CREATE INDEX pki_certificate_key ON pki_certificate (key_sha256);

-- Accounts that sign in through the sign-on provider. An account is its issuer and subject, never its e-mail address.
CREATE TABLE account_federated (
    issuer     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    account    TEXT   NOT NULL REFERENCES account (name),
    created_ns BIGINT NOT NULL,
    used_ns    BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX account_federated_account ON account_federated (account);

-- Sign-ins on their way through the provider. Everything that is compared later is derived from what the browser's
-- cookie holds; `digest` is that cookie's SHA-256. A row is taken by the first answer.
CREATE TABLE account_federated_flow (
    digest  TEXT   NOT NULL PRIMARY KEY,
    ends_ns BIGINT NOT NULL
);
CREATE INDEX account_federated_flow_ends ON account_federated_flow (ends_ns);

-- The provider's own name of the session (`sid`), for its word that it ended; empty for others.
ALTER TABLE account_session ADD COLUMN provider_session TEXT NOT NULL DEFAULT '';

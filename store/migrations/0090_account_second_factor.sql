-- The second factor of local accounts: an authenticator app's secret, recovery codes, and what a session has shown.

-- `secret` is sealed; `confirmed` is 1 once a first code was right. No code of `last_step` or before is taken again.
CREATE TABLE account_totp (
    account    TEXT   NOT NULL PRIMARY KEY REFERENCES account (name),
    secret     TEXT   NOT NULL,
    confirmed  BIGINT NOT NULL,
    created_ns BIGINT NOT NULL,
    last_step  BIGINT NOT NULL
);

-- One-time codes for who lost the app; a used one is gone.
CREATE TABLE account_recovery (
    digest     TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES account (name),
    created_ns BIGINT NOT NULL
);
CREATE INDEX account_recovery_account ON account_recovery (account);

-- A password was right and the second factor is awaited. `digest` is the SHA-256 of what the browser holds meanwhile.
CREATE TABLE account_challenge (
    digest  TEXT   NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL REFERENCES account (name),
    tries   BIGINT NOT NULL,
    ends_ns BIGINT NOT NULL
);
CREATE INDEX account_challenge_account ON account_challenge (account);

-- `second_factor_ns` is 0 where none was shown. Sessions from before had a password and nothing else.
ALTER TABLE account_session ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE account_session ADD COLUMN strength TEXT NOT NULL DEFAULT 'password';
ALTER TABLE account_session ADD COLUMN authenticated_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_session ADD COLUMN second_factor_ns BIGINT NOT NULL DEFAULT 0;

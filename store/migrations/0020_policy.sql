-- Accounts: who may sign in, as what; their sessions, tokens and one-time codes. Times are nanoseconds since 1970.

-- `agency` is empty for accounts that speak for none, `password` for those that cannot sign in with one.
CREATE TABLE account (
    name                TEXT   NOT NULL PRIMARY KEY,
    role                TEXT   NOT NULL,
    agency              TEXT   NOT NULL,
    password            TEXT   NOT NULL,
    disabled            BIGINT NOT NULL,
    created_ns          BIGINT NOT NULL,
    updated_ns          BIGINT NOT NULL,
    password_changed_ns BIGINT NOT NULL
);

-- `digest` is the SHA-256 of the token in the cookie; the token itself is nowhere.
CREATE TABLE account_session (
    digest     TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES account (name),
    address    TEXT   NOT NULL,
    started_ns BIGINT NOT NULL,
    seen_ns    BIGINT NOT NULL,
    ends_ns    BIGINT NOT NULL
);
CREATE INDEX account_session_account ON account_session (account, started_ns);
CREATE INDEX account_session_ends ON account_session (ends_ns);

-- `expires_ns` is 0 for tokens without an end, `used_ns` for those never used.
CREATE TABLE account_token (
    id         TEXT   NOT NULL PRIMARY KEY,
    digest     TEXT   NOT NULL UNIQUE,
    account    TEXT   NOT NULL REFERENCES account (name),
    label      TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    created_ns BIGINT NOT NULL,
    expires_ns BIGINT NOT NULL,
    used_ns    BIGINT NOT NULL
);
CREATE INDEX account_token_account ON account_token (account, created_ns);

-- One code at a time: for an account (recovery), or under the empty name for the first administrator.
CREATE TABLE account_code (
    account    TEXT   NOT NULL PRIMARY KEY,
    digest     TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    ends_ns    BIGINT NOT NULL
);

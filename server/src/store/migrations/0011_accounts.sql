-- state: 0 invited, 1 active, 2 suspended, 3 deleted. active stays what every call asks for: state = 1.
ALTER TABLE people ADD COLUMN state INTEGER NOT NULL DEFAULT 1;
UPDATE people SET state = 3 WHERE active = 0;
ALTER TABLE devices ADD COLUMN address TEXT;
-- An invite may be for one person, who waits in state 0, and into channels: their ids, one after the other.
ALTER TABLE invites ADD COLUMN person BLOB REFERENCES people (id);
ALTER TABLE invites ADD COLUMN channels BLOB NOT NULL DEFAULT x'';

-- Failed attempts to prove who one is. kind: 0 of strangers against an account's name, 1 of one of the account's own devices or
-- browsers, 2 of an address, 3 of everybody. key is a keyed hash of whom they are counted for; person is whose device.
DROP TABLE lockouts;
CREATE TABLE lockouts (
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    person BLOB,
    failures INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX lockouts_changed ON lockouts (changed);
CREATE INDEX lockouts_person ON lockouts (person) WHERE person IS NOT NULL;

-- Browsers in which somebody has signed in before, by the hash of a cookie that lets nobody in.
CREATE TABLE known_browsers (
    token_hash BLOB PRIMARY KEY,
    person BLOB NOT NULL REFERENCES people (id),
    used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX known_browsers_person ON known_browsers (person, used);

-- A session's token is replaced while it is used; those it had before are known again by their hashes.
ALTER TABLE browsers ADD COLUMN rotated INTEGER NOT NULL DEFAULT 0;
UPDATE browsers SET rotated = created;
CREATE TABLE spent_tokens (
    token_hash BLOB PRIMARY KEY,
    browser BLOB NOT NULL REFERENCES browsers (id) ON DELETE CASCADE,
    spent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_tokens_browser ON spent_tokens (browser, spent);

-- A code by which somebody chooses a new password: one for each person, as a keyed hash.
CREATE TABLE resets (
    person BLOB PRIMARY KEY REFERENCES people (id),
    code_hash BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Second factors: secret is sealed; confirmed once a code was shown; step is that of the last code that counted.
CREATE TABLE totp (
    person BLOB PRIMARY KEY REFERENCES people (id),
    secret BLOB NOT NULL,
    revision INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE recovery_codes (
    person BLOB NOT NULL REFERENCES people (id),
    code_hash BLOB NOT NULL,
    PRIMARY KEY (person, code_hash)
) STRICT, WITHOUT ROWID;

-- Sessions of browsers. Their ids stand beside those of devices; of the token in the cookie only the hash is kept. What has
-- ended, or was not used for too long, is removed.
CREATE TABLE browsers (
    id BLOB PRIMARY KEY,
    person BLOB NOT NULL REFERENCES people (id),
    token_hash BLOB NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browsers_person ON browsers (person, used);

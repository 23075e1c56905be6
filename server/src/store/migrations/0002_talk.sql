-- Former texts of edited messages, sealed: by whom and when each was written. The text as it is now is in messages.
CREATE TABLE edits (
    place INTEGER NOT NULL REFERENCES messages (place),
    revision INTEGER NOT NULL,
    by BLOB NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (place, revision)
) STRICT, WITHOUT ROWID;

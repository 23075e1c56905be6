-- Files. state: 0 is being uploaded, 1 is whole, 2 was removed and its bytes may still be there, 3 is gone; the last two are
-- tombstones without key and info. size counts before sealing. place and position: the message that has it, and where there.
CREATE TABLE files (
    id BLOB PRIMARY KEY,
    channel BLOB NOT NULL REFERENCES channels (id),
    person BLOB NOT NULL REFERENCES people (id),
    size INTEGER NOT NULL,
    state INTEGER NOT NULL,
    info BLOB,
    key BLOB,
    place INTEGER REFERENCES messages (place),
    position INTEGER,
    touched INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_place ON files (place) WHERE place IS NOT NULL;
CREATE INDEX files_person ON files (person, state);
CREATE INDEX files_state ON files (state, touched);

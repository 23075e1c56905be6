-- Former texts of edited messages, sealed: by whom and when each was written. The text as it is now is in messages.
CREATE TABLE edits (
    place INTEGER NOT NULL REFERENCES messages (place),
    revision INTEGER NOT NULL,
    by BLOB NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (place, revision)
) STRICT, WITHOUT ROWID;

-- replies and last_reply tell of a message's own thread.
ALTER TABLE messages ADD COLUMN replies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN last_reply INTEGER;
ALTER TABLE messages ADD COLUMN pinned_by BLOB;
ALTER TABLE messages ADD COLUMN pinned_at INTEGER;
ALTER TABLE messages ADD COLUMN poll INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_thread ON messages (thread, place) WHERE thread IS NOT NULL;
CREATE INDEX messages_pinned ON messages (place) WHERE pinned_at IS NOT NULL;

-- Of two messages with one id in a channel the older is meant, as everywhere.
UPDATE messages SET
    replies = (SELECT count(*) FROM messages r
        WHERE r.thread = messages.id AND r.place >> 40 = messages.place >> 40 AND r.deleted = 0),
    last_reply = (SELECT max(r.at) FROM messages r
        WHERE r.thread = messages.id AND r.place >> 40 = messages.place >> 40 AND r.deleted = 0)
WHERE id IN (SELECT thread FROM messages WHERE thread IS NOT NULL)
    AND place = (SELECT min(m.place) FROM messages m WHERE m.id = messages.id AND m.place >> 40 = messages.place >> 40);

-- What a person keeps for themselves. The note is sealed; number orders one person's list.
CREATE TABLE saved (
    person BLOB NOT NULL REFERENCES people (id),
    place INTEGER NOT NULL REFERENCES messages (place),
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    note BLOB,
    PRIMARY KEY (person, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX saved_number ON saved (person, number);

-- Polls: the question is the message's body, the options are sealed, a vote is a bit for each option chosen.
CREATE TABLE polls (
    place INTEGER PRIMARY KEY REFERENCES messages (place),
    multiple INTEGER NOT NULL,
    closed INTEGER
) STRICT;
CREATE TABLE poll_options (
    place INTEGER NOT NULL REFERENCES polls (place),
    number INTEGER NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (place, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE votes (
    place INTEGER NOT NULL REFERENCES polls (place),
    person BLOB NOT NULL,
    choices INTEGER NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (place, person)
) STRICT, WITHOUT ROWID;

-- Under which epoch of its channel's key each sealed value lies. A file's info and key are of one epoch.
ALTER TABLE messages ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE edits ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE saved ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE poll_options ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- While older values are sealed again under the keys of an epoch: how far that is. stage is the table, first and second the
-- key of the last row done there, total how many there were (not counted yet: NULL).
CREATE TABLE resealing (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    first ANY,
    second ANY,
    done INTEGER NOT NULL,
    total INTEGER
) STRICT;

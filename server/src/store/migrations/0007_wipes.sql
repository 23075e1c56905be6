-- What is being wiped: 0 a channel, 1 a person. The row stays until nothing is left, so whoever opens the database next goes on.
CREATE TABLE wiping (
    what INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (what, id)
) STRICT, WITHOUT ROWID;

-- A wiped channel keeps its row, without name, topic and key: by it devices that were away learn that it is gone.
ALTER TABLE channels ADD COLUMN wiped INTEGER NOT NULL DEFAULT 0;

-- Where a message is removed, SQLite looks for what refers to it.
CREATE INDEX saved_place ON saved (place);

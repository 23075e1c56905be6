-- Reports of messages and people. What was said, why it was reported and what was noted are sealed. outcome: 0 dismissed,
-- 1 acted, 2 removed; none while open.
CREATE TABLE reports (
    id BLOB PRIMARY KEY,
    by BLOB NOT NULL,
    at INTEGER NOT NULL,
    about BLOB NOT NULL,
    channel BLOB,
    message BLOB,
    content BLOB NOT NULL,
    outcome INTEGER,
    closed_by BLOB,
    closed_at INTEGER,
    note BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_open ON reports (id) WHERE outcome IS NULL;
CREATE INDEX reports_about ON reports (about);
CREATE INDEX reports_by ON reports (by);

-- Who wants to hear nothing from whom.
CREATE TABLE blocks (
    person BLOB NOT NULL,
    blocked BLOB NOT NULL,
    PRIMARY KEY (person, blocked)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_blocked ON blocks (blocked);

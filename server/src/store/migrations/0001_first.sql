-- Keys wrapped under the workspace key: what for ('channel', 'session', 'root', 'names', 'digests', 'search'), whose, epoch.
CREATE TABLE keys (
    what TEXT NOT NULL,
    id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (what, id, epoch)
) STRICT, WITHOUT ROWID;

-- Every identity document this workspace signed; the newest counts.
CREATE TABLE documents (
    epoch INTEGER PRIMARY KEY,
    encoded BLOB NOT NULL
) STRICT;

-- Names are sealed; name_hash, keyed, makes them unique. imported_from is the keyed hash of a name in imported history.
CREATE TABLE people (
    id BLOB PRIMARY KEY,
    name BLOB NOT NULL,
    revision INTEGER NOT NULL,
    name_hash BLOB NOT NULL UNIQUE,
    imported_from BLOB UNIQUE,
    password TEXT,
    active INTEGER NOT NULL,
    powers INTEGER NOT NULL,
    created INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id BLOB PRIMARY KEY,
    person BLOB NOT NULL REFERENCES people (id),
    static_key BLOB NOT NULL UNIQUE,
    signing_key BLOB NOT NULL,
    name BLOB NOT NULL,
    platform TEXT NOT NULL,
    enrolled INTEGER NOT NULL,
    last_seen INTEGER,
    revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_person ON devices (person);

CREATE TABLE invites (
    code_hash BLOB PRIMARY KEY,
    powers INTEGER NOT NULL,
    uses_left INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lockouts (
    name_hash BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lockouts_until ON lockouts (until);

-- kind: 0 public, 1 private, 2 direct. direct_of is the hash of the sorted people of a direct conversation.
CREATE TABLE channels (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    topic BLOB,
    revision INTEGER NOT NULL,
    direct_of BLOB UNIQUE,
    everybody INTEGER NOT NULL,
    created INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE
) STRICT;
CREATE UNIQUE INDEX channels_public_name ON channels (folded) WHERE kind = 0;

CREATE TABLE members (
    channel BLOB NOT NULL REFERENCES channels (id),
    person BLOB NOT NULL REFERENCES people (id),
    joined INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (channel, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_person ON members (person, channel);

-- place = channel number * 2^40 + seq, so that one channel's messages lie together in their order.
-- made is the change that created the row, change the one that last touched it.
CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    author BLOB NOT NULL,
    at INTEGER NOT NULL,
    thread BLOB,
    digest BLOB NOT NULL,
    made INTEGER NOT NULL,
    change INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    edited INTEGER,
    deleted INTEGER NOT NULL,
    body BLOB
) STRICT;
CREATE UNIQUE INDEX messages_id ON messages (id, author);
CREATE UNIQUE INDEX messages_change ON messages (place >> 40, change);

-- The blind index: keyed tokens in place of words, in their order, and of the beginnings of words, the channel and the
-- author (see store/search.rs). A rowid is a message's time, so that newest first is a walk backwards; found tells whose.
CREATE VIRTUAL TABLE search USING fts5 (words, marks, content = '', contentless_delete = 1, tokenize = 'ascii');
CREATE TABLE found (at INTEGER PRIMARY KEY, place INTEGER NOT NULL) STRICT;
-- Messages that the index does not have yet as they are now: it follows a moment later, many at a time.
CREATE TABLE unindexed (place INTEGER PRIMARY KEY) STRICT;

CREATE TABLE reactions (
    place INTEGER NOT NULL REFERENCES messages (place),
    emoji TEXT NOT NULL,
    person BLOB NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (place, emoji, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE reads (
    person BLOB NOT NULL,
    channel BLOB NOT NULL,
    seq INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (person, channel)
) STRICT, WITHOUT ROWID;

//! The tables of a cache, as ordered steps: added at the end, never changed.
//!
//! A message's rowid is its time, so that newest-first is a rowid order in the index too, also for history that comes in
//! later; see [`rowid`]. `quiet` marks messages that are never unread (one's own, deleted ones), `mention` those that
//! name oneself; both exist so that counting needs an index only. A gap is a range of numbers whose rows are missing or
//! may be out of date.

use thechatapp_database::Schema;
use thechatapp_protocol::{ChannelId, Timestamp};

pub(super) const CACHE: Schema = &[
    "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    imported INTEGER NOT NULL,
    active INTEGER NOT NULL,
    change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
    id BLOB PRIMARY KEY,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    head INTEGER NOT NULL,
    created INTEGER NOT NULL,
    change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    channel BLOB NOT NULL,
    person BLOB NOT NULL,
    joined INTEGER NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (channel, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_joined ON members (channel) WHERE joined = 1;

CREATE TABLE reads (channel BLOB PRIMARY KEY, seq INTEGER NOT NULL, change INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
    channel BLOB NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (channel, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    channel BLOB NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    author BLOB NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    edited INTEGER,
    deleted INTEGER NOT NULL,
    thread BLOB,
    reactions BLOB,
    quiet INTEGER NOT NULL,
    mention INTEGER NOT NULL,
    change INTEGER NOT NULL,
    UNIQUE (channel, seq)
) STRICT;
CREATE INDEX messages_id ON messages (id);
CREATE INDEX messages_change ON messages (change);
CREATE INDEX messages_quiet ON messages (channel, seq) WHERE quiet = 1;
CREATE INDEX messages_mention ON messages (channel, seq) WHERE mention = 1;

CREATE VIRTUAL TABLE search USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');
-- Messages come one by one: more segments before a merge cost less at each of them, and a question hardly more.
INSERT INTO search (search, rank) VALUES ('automerge', 16);
INSERT INTO search (search, rank) VALUES ('crisismerge', 48);
",
    "
ALTER TABLE messages ADD COLUMN files BLOB;
-- Which channel a file belongs to.
CREATE TABLE files (id BLOB PRIMARY KEY, channel BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX files_channel ON files (channel);
",
    "
ALTER TABLE messages ADD COLUMN replies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN last_reply INTEGER;
ALTER TABLE messages ADD COLUMN pinned_by BLOB;
ALTER TABLE messages ADD COLUMN pinned_at INTEGER;
ALTER TABLE messages ADD COLUMN poll BLOB;
CREATE INDEX messages_thread ON messages (thread, seq) WHERE thread IS NOT NULL;
CREATE INDEX messages_pinned ON messages (channel, pinned_at) WHERE pinned_at IS NOT NULL;
-- What an older build stored without its count: the server tells of it only when the thread goes on.
UPDATE messages SET
    replies = (SELECT count(*) FROM messages r
        WHERE r.thread = messages.id AND r.channel = messages.channel AND r.deleted = 0),
    last_reply = (SELECT max(r.at) FROM messages r
        WHERE r.thread = messages.id AND r.channel = messages.channel AND r.deleted = 0)
WHERE id IN (SELECT thread FROM messages WHERE thread IS NOT NULL);
",
    "
-- Thumbnails that were seen once.
CREATE TABLE thumbnails (
    file BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    picture BLOB NOT NULL
) STRICT;
CREATE INDEX thumbnails_at ON thumbnails (at, size);
",
    "
ALTER TABLE people ADD COLUMN rank INTEGER NOT NULL DEFAULT 2;
ALTER TABLE members ADD COLUMN moderator INTEGER NOT NULL DEFAULT 0;
-- Groups one may see, and whether one is in them. Of one that is not known yet only the latter may be here.
CREATE TABLE groups (
    id BLOB PRIMARY KEY,
    slug TEXT,
    name TEXT,
    visibility INTEGER NOT NULL,
    change INTEGER NOT NULL,
    inside INTEGER NOT NULL DEFAULT 0,
    inside_change INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- One's own rank and powers, in one row.
CREATE TABLE standing (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rank INTEGER NOT NULL,
    powers INTEGER NOT NULL,
    change INTEGER NOT NULL
) STRICT;
",
    "ALTER TABLE channels ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;",
    // Groups and what one may do within each, 18 bytes apiece.
    "ALTER TABLE standing ADD COLUMN within BLOB NOT NULL DEFAULT x'';",
    "
-- Beside the words stand marks of a message's channel, its author and its having files, so that a filter is one more word to
-- look for. What is here already is taken in again, a little at a time.
DROP TABLE search;
CREATE VIRTUAL TABLE search USING fts5 (words, marks, content = '', contentless_delete = 1, tokenize = 'ascii');
INSERT INTO search (search, rank) VALUES ('automerge', 16);
INSERT INTO search (search, rank) VALUES ('crisismerge', 48);
CREATE TABLE unindexed (place INTEGER PRIMARY KEY) STRICT;
INSERT INTO unindexed SELECT place FROM messages WHERE deleted = 0;
",
    "
-- Up to which number a channel's past is not kept here by choice: what lies before comes only when somebody looks there.
CREATE TABLE horizons (channel BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    // A leaf of the index fits into a page whose last 80 bytes are SQLCipher's: FTS5's own 4050 are meant for whole pages, and
    // here each leaf would begin another page. An index of 400,000 messages is a tenth smaller by it.
    "INSERT INTO search (search, rank) VALUES ('pgsz', 3970);",
    "
-- Files whose sealed bytes lie beside this one, so many each, with what opens them, and when they were last wanted.
CREATE TABLE kept (
    file BLOB PRIMARY KEY,
    channel BLOB NOT NULL,
    row BLOB NOT NULL,
    sealed INTEGER NOT NULL,
    key BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_channel ON kept (channel);
CREATE INDEX kept_at ON kept (at, sealed);
",
];

/// Bits of a rowid below its time.
const BELOW: u32 = 20;

/// Where a message goes: its time in milliseconds, then its number, from a beginning that differs by channel: copies of a history,
/// with the same times and numbers, would else all want the same places. Of two that want one, the second takes the next free one.
pub(super) fn rowid(channel: ChannelId, at: Timestamp, seq: u64) -> i64 {
    let [.., a, b, c, d] = *channel.as_bytes();
    let beginning = u64::from(u32::from_be_bytes([a, b, c, d])) & ((1 << (BELOW - 1)) - 1);
    floor(at) | (seq.wrapping_add(beginning) & ((1 << BELOW) - 1)) as i64
}

/// The lowest place of a time.
pub(super) fn floor(at: Timestamp) -> i64 {
    at.0.clamp(0, (1 << 42) - 1) << BELOW
}

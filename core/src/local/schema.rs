//! The tables of `local.db`, as ordered steps: added at the end, never changed.

use thechatapp_database::Schema;

pub(super) const LOCAL: Schema = &[
    "
CREATE TABLE accounts (
    workspace BLOB PRIMARY KEY,
    url TEXT NOT NULL,
    short TEXT NOT NULL,
    name TEXT NOT NULL,
    person BLOB NOT NULL,
    person_name TEXT NOT NULL,
    device BLOB NOT NULL,
    device_key BLOB NOT NULL,
    signing_key BLOB NOT NULL,
    known BLOB NOT NULL,
    shown BLOB,
    shown_at INTEGER,
    watched INTEGER,
    added INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    id BLOB NOT NULL UNIQUE,
    channel BLOB NOT NULL,
    text TEXT NOT NULL,
    thread BLOB,
    created INTEGER NOT NULL,
    failure TEXT
) STRICT;
CREATE INDEX outbox_channel ON outbox (workspace, channel);

CREATE TABLE drafts (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (workspace, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (workspace, channel)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE outbox ADD COLUMN files BLOB;

-- Uploads under way. The file is sealed under its key beside the cache; path, size and modified tell whether the same
-- file is uploaded again, so that it goes on where it was.
CREATE TABLE uploads (
    id BLOB PRIMARY KEY,
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    key BLOB NOT NULL,
    path TEXT NOT NULL,
    modified INTEGER NOT NULL,
    message BLOB NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
-- Signed states of audit logs as this device saw them, and what was found wrong with them, with both states as evidence.
CREATE TABLE audit_seen (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    generation BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (workspace, size)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_alarms (
    number INTEGER PRIMARY KEY,
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    why TEXT NOT NULL,
    known TEXT NOT NULL,
    shown TEXT NOT NULL,
    accepted INTEGER
) STRICT;
",
    "
-- A draft belongs to a conversation, or to a thread by the message it begins with; sixteen zeros for none. base is the
-- server's revision it goes back to. state: 0 as the server has it, 1 typed since, 2 on its way, 3 refused; tokens: four bytes each, of this
-- device's newest texts. An
-- empty one was sent or deleted, and stays for its base.
CREATE TABLE drafts_anew (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    thread BLOB NOT NULL,
    text TEXT NOT NULL,
    base INTEGER NOT NULL,
    state INTEGER NOT NULL,
    tokens BLOB NOT NULL,
    edited INTEGER NOT NULL,
    PRIMARY KEY (workspace, channel, thread)
) STRICT, WITHOUT ROWID;
INSERT INTO drafts_anew SELECT workspace, channel, zeroblob(16), text, 0, 1, x'', 0 FROM drafts;
DROP TABLE drafts;
ALTER TABLE drafts_anew RENAME TO drafts;

-- What another device had typed in the same place while this one was typing.
CREATE TABLE earlier_drafts (
    number INTEGER PRIMARY KEY,
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    thread BLOB NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX earlier_drafts_place ON earlier_drafts (workspace, channel, thread);
",
    "
-- What the person chose for this profile.
CREATE TABLE choices (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    "
-- Given up by the person while it may be on the server already: it is taken back there first.
ALTER TABLE outbox ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
",
    "
-- How the profile gets out into the network, one row. A proxy's password may be in it.
CREATE TABLE network (only INTEGER PRIMARY KEY CHECK (only = 1), setting TEXT NOT NULL) STRICT;
",
    "
-- The channels one is in, as a list shows them, with the people of direct conversations: where a cache is damaged so that it does not
-- tell, they are nowhere else on the device.
CREATE TABLE listed (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    channel BLOB NOT NULL,
    row BLOB NOT NULL,
    PRIMARY KEY (workspace, channel)
) STRICT, WITHOUT ROWID;
",
    "
-- A large file on its way: where what came of it lies open, and which file it is there.
CREATE TABLE downloads (
    workspace BLOB NOT NULL REFERENCES accounts (workspace) ON DELETE CASCADE,
    id BLOB NOT NULL,
    path TEXT NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;
",
];

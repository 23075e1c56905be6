-- The nodes of the audit log's tree over complete subtrees of more than one entry (RFC 6962): level 1 is over two entries.
CREATE TABLE audit_nodes (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

-- Signed states of the log, as whoever asked got them. signer is the public key of the identity root.
CREATE TABLE audit_checkpoints (
    number INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    signer BLOB NOT NULL,
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (size, signer)
) STRICT;

-- How far what leaves the host has come: for 'witness' the number of a checkpoint, for 'syslog' that of the next entry.
CREATE TABLE audit_cursors (
    name TEXT PRIMARY KEY,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

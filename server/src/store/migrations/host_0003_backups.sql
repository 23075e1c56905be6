-- Backups of this host that are known: where they were made, of when they are, and what opens them: a recovery passphrase, a
-- key service's key, or both. gone: when one was found to be there no longer.
CREATE TABLE backups (
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    recovery INTEGER NOT NULL,
    provider TEXT,
    key_id TEXT,
    gone INTEGER,
    PRIMARY KEY (folder, name)
) STRICT, WITHOUT ROWID;

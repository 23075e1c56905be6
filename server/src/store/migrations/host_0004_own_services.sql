-- uri: the key service of a workspace that has one of its own; without it the host's guards it. shared: whether that is what guarded
-- the host before, where the workspace stayed when the host moved. next_uri and next_coming_key
-- stand beside next_key while the host moves: the first of a workspace that stays where the host was.
ALTER TABLE workspaces ADD COLUMN uri TEXT;
ALTER TABLE workspaces ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN next_uri TEXT;
ALTER TABLE workspaces ADD COLUMN next_coming_key BLOB;

-- Workspaces whose keys lie in a backup only as a key service of their own wrapped them: which key of which service.
CREATE TABLE backup_own (
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    workspace BLOB NOT NULL,
    provider TEXT NOT NULL,
    key_id TEXT NOT NULL,
    PRIMARY KEY (folder, name, workspace)
) STRICT, WITHOUT ROWID;

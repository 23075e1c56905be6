-- key_epoch and key_made: of the workspace key in use. coming_key and coming_database_key are there while it is not certain
-- yet which is in use, these or the others; next_key is the workspace key wrapped by the service that the host moves to.
ALTER TABLE workspaces ADD COLUMN key_epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE workspaces ADD COLUMN key_made INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN coming_key BLOB;
ALTER TABLE workspaces ADD COLUMN coming_database_key BLOB;
ALTER TABLE workspaces ADD COLUMN next_key BLOB;
UPDATE workspaces SET key_made = created;

-- When keys were last rotated: of a workspace, or of the host (id of 16 zeros).
CREATE TABLE rotations (
    id BLOB NOT NULL,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (id, what)
) STRICT, WITHOUT ROWID;

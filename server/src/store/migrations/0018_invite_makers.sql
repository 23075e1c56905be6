-- Who made an invite; none for those of the host. It is good as long as they could make it.
ALTER TABLE invites ADD COLUMN maker BLOB;

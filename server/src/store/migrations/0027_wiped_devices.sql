-- A revoked device that is to destroy what it keeps: 0 when that was asked, and when it was told.
ALTER TABLE devices ADD COLUMN wipe INTEGER;

-- Why a file was removed, where that is known (store/files/removed.rs has the numbers).
ALTER TABLE files ADD COLUMN reason INTEGER;

-- The file's thumbnail. thumb: NULL there is none and none is to be made, 0 one is to be made, 1 that was tried once, 2 there is
-- one; thumb_size counts its bytes before sealing. Which of the files from before are pictures shows when they are opened.
ALTER TABLE files ADD COLUMN thumb INTEGER;
ALTER TABLE files ADD COLUMN thumb_size INTEGER;
UPDATE files SET thumb = 0 WHERE state = 1;
CREATE INDEX files_thumb ON files (thumb) WHERE thumb <= 1;

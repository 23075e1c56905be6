//! The witness's file: one checkpoint after the other, an empty line between them, each on the disk before it counts as told.
//! It is only ever appended to, so that it may lie where nothing can be changed.

use crate::error::Fail;
use crate::state::Workspace;
use crate::store::audit::tree;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// How far it has come, in the workspace's database.
const CURSOR: &str = "witness";
/// Checkpoints in one step.
const STEP: u32 = 100;

/// Appends the checkpoints of a workspace that are not in the file yet.
///
/// # Errors
/// Those of the database and of the file.
pub(super) async fn tell(path: &Path, workspace: &Arc<Workspace>) -> Result<(), Fail> {
    loop {
        let new = workspace.look(|view| tree::checkpoints_after(view, tree::cursor(view.db, CURSOR)?, STEP)).await?;
        let Some((last, _)) = new.last().cloned() else { return Ok(()) };
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || append(&path, new.iter().map(|(_, note)| note.as_str())))
            .await
            .map_err(|_| Fail::Broken("the writing of a witness's file ended"))?
            .map_err(Fail::File)?;
        workspace.unguarded(move |tx| tree::move_cursor(tx, CURSOR, last)).await?;
    }
}

fn append<'a>(path: &Path, notes: impl Iterator<Item = &'a str>) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut text = String::new();
    if !ends_whole(&mut file)? {
        // Broken off in a note: what follows begins anew.
        text.push_str("\n\n");
    }
    for note in notes {
        text.push_str(note);
        text.push('\n');
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn ends_whole(file: &mut std::fs::File) -> std::io::Result<bool> {
    let length = file.metadata()?.len();
    if length < 2 {
        return Ok(length == 0);
    }
    file.seek(SeekFrom::End(-2))?;
    let mut end = [0; 2];
    file.read_exact(&mut end)?;
    Ok(end == *b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use thechatapp_protocol::WorkspaceId;
    use thechatapp_protocol::audit::checkpoint::{Checkpoint, notes};
    use thechatapp_protocol::audit::tree::{Hash, Head};
    use thechatapp_protocol::identity::RootKey;

    #[test]
    fn a_file_that_was_broken_off_goes_on_with_whole_notes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let sign = |size| {
            let head = Head { size, root: Hash::empty() };
            Checkpoint::sign(WorkspaceId::from_bytes([1; 16]), head, &RootKey::from_bytes([2; 32]))
        };
        let (first, second) = (sign(1), sign(2));
        append(&path, [first.as_str(), &second].into_iter()).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        assert_eq!(notes(&whole).map(Result::unwrap).collect::<Vec<_>>(), [&first, &second]);
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            append(&path, [second.as_str()].into_iter()).unwrap();
            let now = std::fs::read_to_string(&path).unwrap();
            let read: Vec<&str> = notes(&now).filter_map(Result::ok).collect();
            assert_eq!(read.last(), Some(&second.as_str()), "{cut}");
            // Without its last line end it is whole once the next begins.
            assert_eq!(read.first() == Some(&first.as_str()), cut + 1 >= first.len(), "{cut}");
        }
    }
}

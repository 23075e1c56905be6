//! Having on the disk what is in a file and in a folder.

use std::fs::File;
use std::io;
use std::path::Path;

/// Waits until everything in a file is on the disk, whoever wrote it. Windows does that only for those who may write to it.
///
/// # Errors
/// What the system says.
pub fn sync_file(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.sync_all()
}

/// Brings what was renamed or made in a file's folder to the disk.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Elsewhere the file system orders its own metadata.
#[cfg(not(unix))]
pub fn sync_parent(_: &Path) -> io::Result<()> {
    Ok(())
}

//! Files that belong to the server alone: folders 0700, files 0600, replaced whole.

pub use thechatapp_database::sync_parent;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Makes a folder that only its owner may enter, and its parents. Their names are on the disk when it returns: what lies in
/// a folder is lost with the folder's name.
///
/// # Errors
/// The system's.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => sync_parent(path)?,
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            private_folder(path.parent().ok_or(why)?)?;
            return private_folder(path);
        }
        Err(why) => return Err(why),
    }
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Writes a file whole or not at all, readable by its owner only.
///
/// # Errors
/// The system's.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written?;
    sync_parent(path)
}

/// Makes an empty file that only its owner may read, before another library fills it.
///
/// # Errors
/// The system's.
pub fn touch_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// How many bytes there is room for in a folder; `None` where that is not known.
#[cfg(unix)]
pub fn room(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// How many bytes there is room for in a folder; `None` where that is not known.
#[cfg(not(unix))]
pub fn room(_: &Path) -> Option<u64> {
    None
}

//! The way back: a copy from before an upgrade takes the place of the data, for the release before.

use super::{Copied, HOST, Manifest, copy, names_of_workspaces, read, verify};
use crate::error::{Error, Result};
use crate::files;
use std::io;
use std::path::Path;

/// Says beside a database that it was put back: devices may have seen more than it has.
const RESTORED: &str = "restored";

/// Puts a copy back, into a folder without a host, where the release before can go on with it. Shared files that lie in the
/// data folder that the copy is in are put there, too, without being copied where that can be. Nothing is opened.
///
/// # Errors
/// Bad input when there is a host already; corrupt; no room. Then nothing is left behind.
pub fn restore(copy_of: &Path, data: &Path) -> Result<Copied> {
    let copied = verify(copy_of)?;
    let manifest = read(copy_of)?;
    if crate::tenants::Host::exists(data) {
        return Err(Error::bad_input(
            "There is a host in this folder already",
            data.display().to_string(),
            "move it away first, and give an empty folder",
        ));
    }
    let fresh = !data.exists();
    let made = put_back(copy_of, &manifest, data);
    if made.is_err() {
        for name in names_of_workspaces(&manifest) {
            let _ = std::fs::remove_dir_all(data.join(name));
        }
        crate::tenants::Host::unmake(data);
        if fresh {
            let _ = std::fs::remove_dir(data);
        }
    }
    Ok(Copied { files: made?, ..copied })
}

fn put_back(copy_of: &Path, manifest: &Manifest, data: &Path) -> Result<u64> {
    files::private_folder(data)?;
    let mut shared = 0;
    let source = std::path::absolute(copy_of)?;
    let former = source.parent().and_then(Path::parent);
    for name in names_of_workspaces(manifest) {
        files::private_folder(&data.join(name))?;
        files::touch_private(&data.join(name).join(RESTORED))?;
        if let Some(former) = former {
            shared += bring_files(&former.join(name).join("files"), &data.join(name).join("files"))?;
        }
    }
    // `host.db` last: without it there is no host.
    let mut paths: Vec<&String> = manifest.files.keys().collect();
    paths.sort_by_key(|path| path.starts_with(HOST));
    for path in paths {
        let to = data.join(path);
        if let Some(parent) = to.parent() {
            files::private_folder(parent)?;
        }
        copy(&copy_of.join(path), &to)?;
        files::sync_parent(&to)?;
    }
    Ok(shared)
}

/// Those of the host as it was at last: what the copy does not know of goes with the files that belong nowhere, a day after it
/// was written.
fn bring_files(from: &Path, to: &Path) -> Result<u64> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(0) };
    files::private_folder(to)?;
    let mut count = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // An upload that is not whole is begun again.
        if !entry.file_type()?.is_file() || Path::new(&name).extension().is_some_and(|ending| ending == "part") {
            continue;
        }
        if std::fs::hard_link(entry.path(), to.join(&name)).is_err() {
            copy(&entry.path(), &to.join(&name))?;
        }
        count += 1;
    }
    Ok(count)
}

/// Whether a workspace's database was put back and not opened since.
pub(crate) fn was_put_back(database: &Path) -> bool {
    database.with_file_name(RESTORED).exists()
}

/// It goes on as a new generation of its identity.
pub(crate) fn goes_on(database: &Path) -> io::Result<()> {
    let path = database.with_file_name(RESTORED);
    std::fs::remove_file(&path)?;
    files::sync_parent(&path)
}

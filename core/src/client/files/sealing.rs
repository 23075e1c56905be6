//! Between the sealed bytes and the open file. What is put in a place appears there whole, or not at all.

use crate::error::{Error, Result};
use crate::fault;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thechatapp_seal::{Context, Key, SealWriter};

pub(super) fn key_of(bytes: &[u8]) -> Result<Key> {
    Key::try_from(bytes).map_err(fault::internal)
}

pub(super) fn full(why: io::Error) -> Error {
    Error::DiskFull { why: why.to_string() }
}

/// Seals a file into another place: whole, or not there.
pub(super) fn seal_file(mut from: File, to: &Path, key: &Key, context: &Context, size: u64) -> io::Result<()> {
    let fresh = to.with_extension("up.new");
    let sealed = File::create(&fresh)?;
    let mut writer = SealWriter::new(sealed, key, context).map_err(io::Error::other)?;
    let copied = io::copy(&mut from, &mut writer)?;
    let sealed = writer.finish().map_err(io::Error::other)?;
    if copied != size {
        return Err(io::Error::other("it changed while it was read"));
    }
    sealed.sync_all()?;
    std::fs::rename(fresh, to)
}

/// What is being written beside the place it is meant for: there whole, or not at all.
pub(super) struct Beside {
    to: PathBuf,
    fresh: PathBuf,
    out: File,
    placed: bool,
}

impl Beside {
    pub(super) fn new(to: PathBuf) -> Result<Self> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let fresh = to.with_file_name(name);
        let out = File::create(&fresh)
            .map_err(|why| Error::bad_input(format!("{} cannot be written", to.display()), why.to_string()))?;
        Ok(Self { to, fresh, out, placed: false })
    }

    /// It is whole: on the disk, and then in its place.
    pub(super) fn place(mut self) -> Result<()> {
        self.out.sync_all().and_then(|()| std::fs::rename(&self.fresh, &self.to)).map_err(full)?;
        self.placed = true;
        Ok(())
    }
}

impl Write for Beside {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.out.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.placed {
            let _ = std::fs::remove_file(&self.fresh);
        }
    }
}

/// What it means that sealed bytes did not open: they are not genuine, or the disk did not do what it should.
pub(super) fn unopened(why: thechatapp_seal::Error) -> Error {
    match why {
        thechatapp_seal::Error::Io(why) if why.kind() != io::ErrorKind::InvalidData => full(why),
        other => Error::NotGenuine { why: other.to_string() },
    }
}

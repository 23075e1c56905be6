//! Between the sealed bytes and the open file. What is put in a place appears there whole, or not at all.

use crate::error::{Error, Result};
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
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

/// How much is written before the disk is told to begin with it.
const BEGUN: u64 = 32 << 20;

/// What is being written beside the place it is meant for: there whole, or not at all.
pub(super) struct Beside {
    to: PathBuf,
    fresh: PathBuf,
    out: File,
    /// Whether it stays where it is when this ends.
    stays: bool,
    waiting: u64,
    flushing: Option<JoinHandle<io::Result<()>>>,
}

impl Beside {
    /// From its beginning; what broke off leaves nothing.
    pub(super) fn new(to: PathBuf) -> Result<Self> {
        Self::open(to, File::options().write(true).create(true).truncate(true), false)
    }

    /// What lies there already is left as it is, and so is what breaks off.
    pub(super) fn go_on(to: PathBuf) -> Result<Self> {
        Self::open(to, File::options().read(true).write(true).create(true).truncate(false), true)
    }

    fn open(to: PathBuf, how: &OpenOptions, stays: bool) -> Result<Self> {
        let fresh = Self::part(&to);
        let out = how
            .open(&fresh)
            .map_err(|why| Error::bad_input(format!("{} cannot be written", to.display()), why.to_string()))?;
        Ok(Self { to, fresh, out, stays, waiting: 0, flushing: None })
    }

    /// Where it is written.
    pub(super) fn part(to: &Path) -> PathBuf {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        to.with_file_name(name)
    }

    pub(super) fn file(&self) -> &File {
        &self.out
    }

    /// Goes on from here; what lay behind it is gone.
    pub(super) fn cut(&mut self, length: u64) -> io::Result<()> {
        self.out.set_len(length)?;
        self.out.seek(SeekFrom::Start(length)).map(drop)
    }

    /// It is worth nothing.
    pub(super) fn leave_nothing(&mut self) {
        self.stays = false;
    }

    /// It is whole: on the disk, and then in its place.
    pub(super) fn place(mut self) -> Result<()> {
        self.flushed().and_then(|()| self.out.sync_all()).map_err(full)?;
        std::fs::rename(&self.fresh, &self.to).map_err(full)?;
        self.stays = true;
        Ok(())
    }

    /// Has the disk begin while more comes, rather than with all of it at the end. One at a time; nobody waits for it.
    fn begin_flushing(&mut self) -> io::Result<()> {
        if self.flushing.as_ref().is_some_and(|running| !running.is_finished()) {
            return Ok(());
        }
        self.flushed()?;
        let out = self.out.try_clone()?;
        self.waiting = 0;
        self.flushing = Some(std::thread::Builder::new().name("flush".into()).spawn(move || out.sync_data())?);
        Ok(())
    }

    /// What the disk said. It says once that something was lost.
    fn flushed(&mut self) -> io::Result<()> {
        let Some(running) = self.flushing.take() else { return Ok(()) };
        running.join().unwrap_or_else(|_| Err(io::Error::other("writing ended early")))
    }
}

impl Write for Beside {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.out.write(data)?;
        self.waiting += written as u64;
        if self.waiting >= BEGUN {
            self.begin_flushing()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.stays {
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

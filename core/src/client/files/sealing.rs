//! Between the sealed bytes and the open file. What is put in a place appears there whole, or not at all.

use crate::error::{Error, Result};
use crate::fault;
use crate::part_file::PartFile;
use std::fs::File;
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
/// How many names are tried beside one place.
const NAMES: u32 = 100;

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
    /// From its beginning; what broke off leaves nothing. It has a name that nothing had: what lies there already is another
    /// transfer's, or not ours.
    pub(super) fn new(to: PathBuf) -> Result<Self> {
        let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
        for fresh in Self::names(&to) {
            match File::options().read(true).write(true).create_new(true).open(&fresh) {
                Ok(out) => return Ok(Self { to, fresh, out, stays: false, waiting: 0, flushing: None }),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => taken = why,
                Err(why) => return Err(unwritten(&to, &why)),
            }
        }
        Err(unwritten(&to, &taken))
    }

    /// Goes on with what an earlier attempt left, and what breaks off now stays too. Where that is not what lies there any more, or
    /// lies on another disk, it is written from its beginning.
    pub(super) fn go_on(to: PathBuf, before: Option<&PartFile>) -> Result<Self> {
        let Some((before, out)) = before.and_then(|before| Some((before, again(before)?))) else {
            return Self::new(to);
        };
        if Self::names(&to).any(|name| name == before.path) {
            return Ok(Self { to, fresh: before.path.clone(), out, stays: true, waiting: 0, flushing: None });
        }
        let mut beside = Self::new(to)?;
        if std::fs::rename(&before.path, &beside.fresh).is_ok() {
            (beside.out, beside.stays) = (out, true);
        } else {
            // Onto another disk it would be written once more: it comes again instead.
            before.remove();
        }
        Ok(beside)
    }

    /// Where it may be written: as a rule by the first of these names.
    pub(super) fn names(to: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        let (to, name) = (to.to_owned(), to.file_name().unwrap_or_default().to_owned());
        (0..NAMES).map(move |number| {
            let mut name = name.clone();
            if number > 0 {
                name.push(format!(".{number}"));
            }
            name.push(".part");
            to.with_file_name(name)
        })
    }

    /// Where it is, and which file it is there.
    pub(super) fn part(&self) -> io::Result<PartFile> {
        let stamp = PartFile::stamp(&self.out.metadata()?).ok_or(io::ErrorKind::Unsupported)?;
        Ok(PartFile { path: self.fresh.clone(), stamp })
    }

    /// It is noted where it is: what breaks off stays.
    pub(super) fn stay(&mut self) {
        self.stays = true;
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
        if self.part().is_ok_and(|part| !part.is_there()) {
            return Err(unwritten(&self.to, &io::Error::other("what was written beside it is not there any more")));
        }
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
            match self.part() {
                Ok(part) => drop(part.remove()),
                Err(_) => drop(std::fs::remove_file(&self.fresh)),
            }
        }
    }
}

/// Opens what an earlier attempt left, if that is what lies there.
fn again(part: &PartFile) -> Option<File> {
    // Looked at before it is opened, for whatever else lies there; and after, for what was put there in between.
    let open = || File::options().read(true).write(true).open(&part.path).ok();
    let out = part.is_there().then(open)??;
    out.metadata().is_ok_and(|found| part.is(&found)).then_some(out)
}

fn unwritten(to: &Path, why: &io::Error) -> Error {
    Error::bad_input(format!("{} cannot be written", to.display()), why.to_string())
}

/// What it means that sealed bytes did not open: they are not genuine, or the disk did not do what it should.
pub(super) fn unopened(why: thechatapp_seal::Error) -> Error {
    match why {
        thechatapp_seal::Error::Io(why) if why.kind() != io::ErrorKind::InvalidData => full(why),
        other => Error::NotGenuine { why: other.to_string() },
    }
}

/// Removes a file that may be gone already.
pub(super) fn gone(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

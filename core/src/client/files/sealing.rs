//! Between the sealed bytes and the open file. What is put in a place appears there whole, or not at all.

use crate::error::{Error, Result};
use crate::fault;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use thechatapp_seal::{Context, Key, OpenReader, OpenSeek, SealWriter};

/// How much is read at once.
const PIECE: usize = 64 * 1024;

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

/// Opens sealed bytes and puts them in a place.
pub(super) fn open_file(
    from: &Path,
    to: &Path,
    key: &Key,
    context: &Context,
    range: Option<(u64, u64)>,
    size: u64,
) -> Result<()> {
    let damaged =
        |why: thechatapp_seal::Error| Error::Corrupt { file: "the downloaded file".into(), why: why.to_string() };
    let sealed = File::open(from).map_err(full)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let fresh = to.with_file_name(name);
    let mut out = File::create(&fresh)
        .map_err(|why| Error::bad_input(format!("{} cannot be written", to.display()), why.to_string()))?;
    let written = match range {
        Some((first, last)) => OpenSeek::new(sealed, key, context).and_then(|mut opened| {
            let end = last.saturating_add(1).min(opened.length()?);
            opened.copy_range(first, end, &mut out)
        }),
        None => OpenReader::new(io::BufReader::with_capacity(PIECE, sealed), key, context).and_then(|mut opened| {
            let copied = io::copy(&mut opened, &mut out)?;
            if copied == size { Ok(()) } else { Err(thechatapp_seal::Error::Truncated) }
        }),
    };
    let placed = written.map_err(damaged).and_then(|()| {
        out.flush().and_then(|()| out.sync_all()).and_then(|()| std::fs::rename(&fresh, to)).map_err(full)
    });
    if placed.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    placed
}

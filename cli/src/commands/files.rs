//! Uploading and downloading.

use super::send::acknowledged;
use crate::output::{Failure, Outcome};
use crate::run::Desk;
use crate::shape::Downloaded;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use thechatapp_core::{Error, FileId};

/// `upload CHANNEL FILE`.
pub async fn upload(desk: &Desk<'_>, name: &str, file: &Path, text: &str) -> Outcome {
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let turning = desk.place.progress("sealing");
    let mut shown = |done, of| show(&turning.0, "uploading", done, of);
    let message = desk.client.upload(desk.ws(), channel.id, file, text, &mut shown).await?;
    drop(turning);
    acknowledged(desk, message).await
}

/// `download FILE-ID --thumbnail -o F`.
pub async fn thumbnail(desk: &Desk<'_>, file: &str, to: &Path) -> Outcome {
    let id = parse_id(file)?;
    desk.connect().await?;
    let Some(picture) = desk.client.thumbnail(desk.ws(), id).await? else {
        let why = "it is no picture that the server could draw, or was shared a moment ago";
        return Err(Error::bad_input("this file has no thumbnail", why).into());
    };
    std::fs::write(to, &picture).map_err(Failure::from)?;
    let done = Downloaded { file: file.to_owned(), path: to.display().to_string(), bytes: picture.len() as u64 };
    desk.output().show(&done, || format!("{} bytes in {}", done.bytes, done.path))
}

fn parse_id(file: &str) -> Result<FileId, Error> {
    file.parse().map_err(|_| {
        Error::bad_input(format!("{file} names no file"), "it is not an id, as `read --json` shows it under files")
    })
}

/// `download FILE-ID [--range A-B] -o F`.
pub async fn download(desk: &Desk<'_>, file: &str, range: Option<&str>, to: &Path) -> Outcome {
    let id = parse_id(file)?;
    let range = range.map(parse_range).transpose()?;
    match desk.connect().await {
        Err(Error::Offline { .. }) if desk.client.has_file(desk.ws(), id).await? => {
            desk.output().remark("offline; this file is on this device");
        }
        connected => connected?,
    }
    let turning = desk.place.progress("downloading");
    let mut shown = |done, of| show(&turning.0, "downloading", done, of);
    desk.client.download(desk.ws(), id, range, to, &mut shown).await?;
    drop(turning);
    let bytes = std::fs::metadata(to).map_err(Failure::from)?.len();
    let done = Downloaded { file: file.to_owned(), path: to.display().to_string(), bytes };
    desk.output().show(&done, || format!("{} bytes in {}", done.bytes, done.path))
}

/// `A-B` or `A-`, as in HTTP: both ends are part of it.
fn parse_range(text: &str) -> Result<(u64, u64), Error> {
    let bad = || Error::bad_input(format!("{text} is no range"), "it is written 0-99, or 100- for the rest");
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let first = first.parse().map_err(|_| bad())?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().map_err(|_| bad())? };
    if first > last { Err(bad()) } else { Ok((first, last)) }
}

fn show(bar: &ProgressBar, doing: &'static str, done: u64, of: u64) {
    if bar.length() != Some(of) {
        bar.set_length(of);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta}")
        {
            bar.set_style(style);
        }
        bar.set_message(doing);
    }
    bar.set_position(done);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_in_http() {
        assert_eq!(parse_range("0-99").unwrap(), (0, 99));
        assert_eq!(parse_range("5-5").unwrap(), (5, 5));
        assert_eq!(parse_range("100-").unwrap(), (100, u64::MAX));
        for bad in ["", "-", "-5", "5", "9-8", "a-b", "1-2-3", "0x1-2", "99999999999999999999-"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}

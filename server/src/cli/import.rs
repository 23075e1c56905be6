//! `import`: history from elsewhere.

use super::output::Output;
use super::{Open, Way, text};
use crate::admin::Command;
use crate::error::{Error, Result};
use crate::import::irc::{Line, Log, Skipped, channel_of, day};
use crate::import::{BATCH, Message};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Lines named in the report; the rest is only counted.
const NAMED: usize = 1000;
/// Bytes of text in one batch: it goes through the socket as one line.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Brings in history from elsewhere; authors are kept as imported people. Doing it again adds nothing twice.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: thechatapp-server import --data /srv/chat --workspace acme --format irc --channel ubuntu logs/2005-02-06.log"
)]
pub struct Import {
    #[command(flatten)]
    open: Open,
    /// Into which workspace.
    #[arg(long)]
    workspace: String,
    /// How the files are written.
    #[arg(long)]
    format: Format,
    /// Into which channel; else each file's own name tells.
    #[arg(long)]
    channel: Option<String>,
    /// Files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// `[HH:MM] <nick> text`, one file a day.
    Irc,
}

#[derive(Default)]
struct Totals {
    messages: u64,
    people: u64,
    channels: u64,
    skipped: Vec<Value>,
    skipped_count: u64,
}

pub async fn run(import: Import, output: &Output) -> Result<()> {
    let Format::Irc = import.format;
    let files = files(&import.paths)?;
    let mut way = Way::to(&import.open).await?;
    let progress = if output.progress() { ProgressBar::new(files.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}") {
        progress.set_style(style);
    }
    let (mut totals, mut known) = (Totals::default(), HashSet::new());
    for path in &files {
        let channel = import.channel.clone().unwrap_or_else(|| channel_of(path));
        if known.insert(channel.clone()) {
            let command = Command::ImportChannel { workspace: import.workspace.clone(), channel: channel.clone() };
            totals.channels += count(&way.call(command).await?, "channels");
        }
        one(&mut way, &import.workspace, &channel, path, &mut totals).await?;
        progress.inc(1);
        progress.set_message(format!("{} messages", totals.messages));
    }
    progress.finish_and_clear();
    let report = json!({
        "messages": totals.messages,
        "people": totals.people,
        "channels": totals.channels,
        "skipped": totals.skipped,
        "skipped_count": totals.skipped_count,
    });
    output.print(&report, |report| {
        format!(
            "{} messages by {} new people into {} new channels; {} lines left out",
            text(report, "messages"),
            text(report, "people"),
            text(report, "channels"),
            text(report, "skipped_count"),
        )
    });
    Ok(())
}

async fn one(way: &mut Way, workspace: &str, channel: &str, path: &Path, totals: &mut Totals) -> Result<()> {
    let unreadable = |why: std::io::Error| {
        Error::bad_input("A file cannot be read", format!("{}: {why}", path.display()), "check its name and rights")
    };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let modified = std::fs::metadata(path).and_then(|known| known.modified()).ok();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (mut batch, mut size) = (Vec::with_capacity(BATCH), 0);
    for line in Log::new(&bytes, day(path, modified), &name) {
        match line {
            Line::Message(message) => {
                size += message.text.len();
                batch.push(message);
                if batch.len() >= BATCH || size >= BATCH_BYTES {
                    send(way, workspace, channel, std::mem::take(&mut batch), totals).await?;
                    size = 0;
                }
            }
            Line::Skipped(Skipped { line, why }) => {
                totals.skipped_count += 1;
                if totals.skipped.len() < NAMED {
                    totals.skipped.push(json!({ "file": name, "line": line, "why": why }));
                }
            }
        }
    }
    if !batch.is_empty() {
        send(way, workspace, channel, batch, totals).await?;
    }
    Ok(())
}

async fn send(
    way: &mut Way,
    workspace: &str,
    channel: &str,
    messages: Vec<Message>,
    totals: &mut Totals,
) -> Result<()> {
    let command = Command::ImportBatch { workspace: workspace.to_owned(), channel: channel.to_owned(), messages };
    let added = way.call(command).await?;
    totals.messages += count(&added, "messages");
    totals.people += count(&added, "people");
    Ok(())
}

/// The files themselves, and those directly in the folders, each folder's in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |why: std::io::Error| {
            Error::bad_input("A path cannot be read", format!("{}: {why}", path.display()), "check its name and rights")
        };
        if path.is_dir() {
            let mut inside = std::fs::read_dir(path)
                .and_then(|entries| {
                    entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
                })
                .map_err(unreadable)?;
            inside.retain(|path| path.is_file());
            inside.sort();
            files.append(&mut inside);
        } else {
            std::fs::metadata(path).map_err(unreadable)?;
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn count(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

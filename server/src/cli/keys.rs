//! `key`.

use super::output::Output;
use super::{Open, Way, once, read_secret, text};
use crate::admin::{Command, MoveOne, MoveTo};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::rotation::What;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How often a running server is asked how far it is.
const ASK: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Which key service guards a workspace's key, and how it is.
    #[command(after_help = "Example: thechatapp-server key status --data /srv/chat --workspace acme --json")]
    Status {
        #[command(flatten)]
        open: Open,
        /// Of which workspace.
        #[arg(long)]
        workspace: String,
    },
    /// Makes new keys, also while the server runs; clients follow silently.
    #[command(after_help = "Example: thechatapp-server key rotate --data /srv/chat --workspace acme --what channels")]
    Rotate {
        #[command(flatten)]
        open: Open,
        /// Of which workspace; `kms` is of the whole host, unless this one has a key service of its own.
        #[arg(long)]
        workspace: Option<String>,
        /// Which keys.
        #[arg(long, value_parser = ["session", "identity", "channels", "workspace", "kms", "database"])]
        what: String,
        /// With `kms`: a file with what is to open the local key file from then on.
        #[arg(long)]
        new_passphrase_file: Option<PathBuf>,
        /// With `channels`: do not wait until everything older is sealed again.
        #[arg(long)]
        no_wait: bool,
    },
    /// Moves the whole host, or one workspace, to another key service, also while the server runs.
    #[command(
        after_help = "Examples: thechatapp-server key move --data /srv/chat --to vault+https://vault.example.org/transit/chat
          thechatapp-server key move --data /srv/chat --workspace acme --to vault+https://vault.example.org/transit/acme
          thechatapp-server key move --data /srv/chat --workspace acme --to host"
    )]
    Move {
        #[command(flatten)]
        open: Open,
        /// Only this workspace, which then has a key service of its own.
        #[arg(long)]
        workspace: Option<String>,
        /// The other key service, written as in --kms; with --workspace also `host`, back to that of the host.
        #[arg(long)]
        to: String,
        /// A file with the passphrase of the other one, when it is a local key file.
        #[arg(long)]
        to_passphrase_file: Option<PathBuf>,
    },
}

pub(super) async fn run(command: Key, output: &Output) -> Result<()> {
    match command {
        Key::Status { open, workspace } => {
            let status = once(&open, Command::KeyStatus { workspace }).await?;
            output.print(&status, words);
        }
        Key::Rotate { open, workspace, what, new_passphrase_file, no_wait } => {
            let new_passphrase = new_passphrase_file.map(|path| read_secret(&path)).transpose()?;
            let new_passphrase = new_passphrase.map(|passphrase| passphrase.to_string());
            let mut way = Way::to(&open).await?;
            let rotate = Command::KeyRotate { workspace: workspace.clone(), what: what.clone(), new_passphrase };
            let mut done = way.call(rotate).await?;
            if let (Some(workspace), Value::Object(fields), false) = (workspace, &mut done, no_wait)
                && what == What::Channels.name()
            {
                fields.insert("resealed".to_owned(), json!(wait(&mut way, &workspace).await?));
            }
            output.print(&done, rotated);
        }
        Key::Move { open, workspace, to, to_passphrase_file } => {
            let passphrase = to_passphrase_file.map(|path| read_secret(&path)).transpose()?;
            let passphrase = passphrase.map(|passphrase| passphrase.to_string());
            let variable = |name: &str| std::env::var(name).ok();
            let mut section = Box::new(Config::read(None, variable)?.key);
            if let Some(workspace) = &workspace {
                *section = section.of_workspace(workspace, variable)?;
            }
            // The server runs in another folder than this command.
            for path in [&mut section.vault_token_file, &mut section.pin_file].into_iter().flatten() {
                *path = std::path::absolute(&path)?;
            }
            let to = match to.strip_prefix("local:").filter(|path| !path.is_empty()) {
                Some(path) => format!("local:{}", std::path::absolute(path)?.display()),
                None => to,
            };
            if let Some(workspace) = workspace {
                let passphrase = passphrase.or_else(|| section.passphrase.take());
                let to = MoveTo { to, passphrase, section };
                let done = once(&open, Command::KeyMoveWorkspace(MoveOne { workspace, to })).await?;
                output.print(&done, moved_one);
                return Ok(());
            }
            let done = once(&open, Command::KeyMove(MoveTo { to, passphrase, section })).await?;
            output.print(&done, |done| {
                let mut words = format!(
                    "{} workspaces are guarded by {} ({}) now. Start the server with its --kms from here on.",
                    text(done, "workspaces"),
                    text(done, "provider"),
                    text(done, "key")
                );
                left_behind(done, &mut words);
                words
            });
        }
    }
    Ok(())
}

fn moved_one(done: &Value) -> String {
    let (name, provider, key) = (text(done, "workspace"), text(done, "provider"), text(done, "key"));
    let guarded = format!("{name} is guarded by {provider} ({key}) now");
    if done.get("own") != Some(&Value::Bool(true)) {
        return format!("{guarded}, as the host is.");
    }
    format!("{guarded}. What that wants to see belongs into [key.workspace.{name}] before the server starts again.")
}

/// The workspaces that did not come along.
fn left_behind(done: &Value, words: &mut String) {
    for name in done.get("left").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let _ = write!(words, "\n{name} stays with the former key, which did not give its own.");
    }
}

/// Waits until everything is under the newest keys. Without a server it is this command that sees to it.
async fn wait(way: &mut Way, workspace: &str) -> Result<u64> {
    let bar = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("sealing again {bar:30} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    loop {
        if let Way::Local(host) = way {
            host.workspace(workspace)?.reseal().await?;
        } else {
            tokio::time::sleep(ASK).await;
        }
        let status =
            way.call(Command::KeyStatus { workspace: workspace.to_owned() }).await.map_err(|why| match why.kind {
                Kind::Unreachable => Error::new(
                    Kind::Unreachable,
                    "The server went away",
                    "the new keys are in use, and older texts are not all sealed again yet",
                    "nothing is lost: that goes on when the server runs again, see `key status`",
                ),
                _ => why,
            })?;
        let count = |field: &str| status.get("resealing").and_then(|now| now.get(field)).and_then(Value::as_u64);
        if status.get("resealing").is_none_or(Value::is_null) {
            bar.finish_and_clear();
            return Ok(status.get("resealed").and_then(Value::as_u64).unwrap_or(0));
        }
        let error = status.get("resealing").and_then(|now| now.get("error")).and_then(Value::as_str);
        if let Some(why) = error {
            return Err(Error::new(
                Kind::Internal,
                "Older data is not all sealed again",
                why,
                "the new keys are in use, and the older ones stay until it is; it is tried again, see the log and `doctor`",
            ));
        }
        if let (Some(done), Some(left)) = (count("done"), count("left")) {
            bar.set_length(done.saturating_add(left));
            bar.set_position(done);
        }
    }
}

fn rotated(done: &Value) -> String {
    let mut words = format!("New keys ({})", text(done, "what"));
    if let Some(epoch) = done.get("epoch").and_then(Value::as_u64) {
        let _ = write!(words, ", epoch {epoch}");
    }
    match done.get("resealed").and_then(Value::as_u64) {
        None | Some(0) => {}
        Some(resealed) => drop(write!(words, ", {resealed} values sealed again")),
    }
    if let Some(paused) = done.get("paused_ms").and_then(Value::as_u64) {
        let _ = write!(words, ", writers waited {paused} ms");
    }
    words
}

fn words(status: &Value) -> String {
    let mut words = format!("{}: {}, key {}", text(status, "workspace"), text(status, "state"), text(status, "key"));
    let _ = write!(words, "\nkey service: {}", text(status, "provider"));
    if let Some(epoch) = status.get("epoch").and_then(Value::as_u64) {
        let _ = write!(words, "\nepoch {epoch}");
    }
    for (name, label) in [("age", "seconds old"), ("confirmed", "seconds since it was last given")] {
        if let Some(seconds) = status.get(name).and_then(Value::as_u64) {
            let _ = write!(words, "\n{seconds} {label}");
        }
    }
    if let Some(resealing) = status.get("resealing").filter(|now| !now.is_null()) {
        let _ = write!(words, "\nsealing again: {} done, {} left", text(resealing, "done"), text(resealing, "left"));
    }
    if let Some(why) = status.get("last_error").and_then(Value::as_str) {
        let _ = write!(words, "\nlast error: {why}");
    }
    words
}

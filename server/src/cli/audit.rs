//! `audit`.

use super::output::Output;
use super::{Open, once, text};
use crate::admin::Command;
use crate::error::{Error, Kind, Result};
use clap::Subcommand;
use serde_json::Value;
use std::path::PathBuf;
use thechatapp_protocol::identity::Pin;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Proves a workspace's audit log: every entry opens and is in its place, and every checkpoint is a state of this very log.
    /// Changes nothing, and may be run while the server works.
    #[command(
        after_help = "Example: thechatapp-server audit verify --data /srv/chat --workspace acme --witness /mnt/worm/acme.checkpoints"
    )]
    Verify {
        #[command(flatten)]
        open: Open,
        /// Of which workspace.
        #[arg(long)]
        workspace: String,
        /// A file of checkpoints that was kept elsewhere, as `[audit] witness` writes it.
        #[arg(long)]
        witness: Option<PathBuf>,
        /// The workspace's pin, as people compare it: then only what the root of this pin signed counts, whatever the data
        /// says of itself.
        // One pin in 64 begins with a hyphen.
        #[arg(long, allow_hyphen_values = true)]
        pin: Option<String>,
    },
}

pub(super) async fn run(command: Audit, output: &Output) -> Result<()> {
    let Audit::Verify { open, workspace, witness, pin } = command;
    let pin = pin.map(|text| {
        text.parse::<Pin>().map_err(|why| {
            Error::bad_input("This is no pin", why.to_string(), "give the 43 characters that `workspace list` shows")
        })
    });
    // Read here: the server that may do it has another working folder, and other rights.
    let witness = witness.map(|path| {
        std::fs::read_to_string(&path).map_err(|why| {
            Error::bad_input(
                "The witness file cannot be read",
                format!("{}: {why}", path.display()),
                "check its name and rights",
            )
        })
    });
    let report =
        once(&open, Command::AuditVerify { workspace, witness: witness.transpose()?, pin: pin.transpose()? }).await?;
    output.print(&report, words);
    if report.get("ok") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Corrupt,
        "The audit log is not as it was",
        format!("{} things are wrong with it; see the report", text(&report, "wrong")),
        "keep the data as it is, and compare it with backups and with what administrators' devices remember",
    ))
}

fn words(report: &Value) -> String {
    let mut words = format!(
        "{} entries, {} checkpoints, root {}",
        text(report, "entries"),
        text(report, "checkpoints"),
        text(report, "root")
    );
    words.push_str(&format!("\nSigned up to {} entries", text(report, "signed")));
    if let Some(witnessed) = report.get("witnessed").and_then(Value::as_u64) {
        words.push_str(&format!("\nThe witness kept {witnessed} checkpoints"));
        if let Some(unreadable) = report.get("unreadable").and_then(Value::as_u64).filter(|some| *some > 0) {
            words.push_str(&format!(", {unreadable} more of them cannot be read"));
        }
    }
    for problem in report.get("problems").and_then(Value::as_array).into_iter().flatten() {
        words.push_str(&format!("\n  {}", problem.as_str().unwrap_or_default()));
    }
    words
}

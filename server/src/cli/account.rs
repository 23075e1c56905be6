//! `account`: what whoever administers the host does with accounts.

use super::output::Output;
use super::{Open, once, text};
use crate::admin::Command;
use crate::error::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Forgets failed attempts to sign in to an account, also while the server runs.
    #[command(
        after_help = "Example: thechatapp-server account unlock --data /srv/chat --workspace acme --name 'Ana Reis'"
    )]
    Unlock(Whose),
    /// Makes a code by which a person chooses a new password, good once and for a day, also while the server runs.
    #[command(
        after_help = "Example: thechatapp-server account reset --data /srv/chat --workspace acme --name 'Ana Reis'"
    )]
    Reset {
        #[command(flatten)]
        whose: Whose,
        /// Their second factor is taken away, too.
        #[arg(long)]
        totp: bool,
        /// Their devices and browsers are signed out, too.
        #[arg(long)]
        devices: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Whose {
    #[command(flatten)]
    open: Open,
    /// In which workspace.
    #[arg(long)]
    workspace: String,
    /// Whose, by name or id.
    #[arg(long)]
    name: String,
}

pub(super) async fn run(command: Account, output: &Output) -> Result<()> {
    match command {
        Account::Unlock(Whose { open, workspace, name }) => {
            let done = once(&open, Command::AccountUnlock { workspace, name }).await?;
            output.print(&done, |done| {
                let was = done.get("unlocked") == Some(&Value::Bool(true));
                format!("{} {}", text(done, "name"), if was { "is unlocked" } else { "was not locked" })
            });
        }
        Account::Reset { whose: Whose { open, workspace, name }, totp, devices } => {
            let done = once(&open, Command::AccountReset { workspace, name, totp, devices }).await?;
            output.print(&done, |done| {
                let mut words = format!(
                    "Code for {}, good once until {}: {}",
                    text(done, "name"),
                    text(done, "expires"),
                    text(done, "code")
                );
                if done.get("second_factor_removed") == Some(&Value::Bool(true)) {
                    words.push_str("\nThe second factor is gone.");
                } else if totp {
                    words.push_str("\nThere was no second factor.");
                }
                if devices {
                    words.push_str(&format!("\nRevoked: {} devices and browsers.", text(done, "devices_revoked")));
                }
                words
            });
        }
    }
    Ok(())
}

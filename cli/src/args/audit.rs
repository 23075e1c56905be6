//! What can be typed after `audit`.

use clap::{Args, Subcommand, ValueEnum, value_parser};
use std::path::PathBuf;

/// Which entries of the audit log.
#[derive(Debug, Args)]
pub struct AuditQuery {
    /// Whose acts: a person's name or id, `host`, `server` or `stranger`
    #[arg(long, value_name = "WHO")]
    pub actor: Option<String>,
    /// On what: @person, #channel, or as entries show it, such as setting:web.chat
    #[arg(long, value_name = "WHAT")]
    pub target: Option<String>,
    /// What kind of act: access, account, device, role, group, channel, moderation, setting, key, backup, data, audit, server
    #[arg(long)]
    pub class: Option<String>,
    /// From this day or moment on
    #[arg(long, value_name = "DATE")]
    pub after: Option<String>,
    /// Before this day or moment
    #[arg(long, value_name = "DATE")]
    pub before: Option<String>,
}

/// `audit ...`.
#[derive(Debug, Subcommand)]
pub enum AuditAction {
    /// List entries, the newest first
    #[command(
        after_help = "Example:\n  thechatapp-cli audit list --actor @ana --class channel --after 2026-11-01 --json"
    )]
    List {
        /// Which.
        #[command(flatten)]
        query: AuditQuery,
        /// How many at most
        #[arg(short = 'n', long, default_value_t = 50, value_parser = value_parser!(u32).range(1..=100_000))]
        number: u32,
    },
    /// Look whether the log has only grown since this device saw it last; ends with 24 when it has not
    #[command(after_help = "Example:\n  thechatapp-cli audit status --json")]
    Status,
    /// Write entries, the oldest first, one a line; wants a fresh sign-in, and is an entry itself
    #[command(after_help = "Example:\n  thechatapp-cli audit export --format cef -o audit.cef")]
    Export {
        /// Which.
        #[command(flatten)]
        query: AuditQuery,
        /// In which form
        #[arg(long, value_enum)]
        format: AuditFormat,
        /// To this file, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show one entry, after the proof that it stands in the log
    #[command(after_help = "Example:\n  thechatapp-cli audit prove 42")]
    Prove {
        /// Its number
        #[arg(value_name = "SEQ")]
        seq: u64,
    },
    /// Print the signed state of the log, for a witness to keep
    #[command(after_help = "Example:\n  thechatapp-cli audit checkpoint >> /mnt/worm/acme.checkpoints")]
    Checkpoint,
    /// Go on with the log as the server shows it, after something was found wrong with it
    #[command(after_help = "Example:\n  thechatapp-cli audit accept")]
    Accept,
}

/// In which form entries are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AuditFormat {
    /// A JSON object a line
    Jsonl,
    /// Common Event Format
    Cef,
}

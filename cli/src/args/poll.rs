//! Polls.

use clap::{Args, Subcommand};

/// `poll`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Poll {
    /// What about one that is there.
    #[command(subcommand)]
    pub action: Option<PollAction>,
    /// A channel with or without #, a person as @name, or an id
    #[arg(required = true)]
    pub channel: Option<String>,
    /// What to ask
    #[arg(required = true, allow_hyphen_values = true)]
    pub question: Option<String>,
    /// Something to choose; at least two are wanted
    #[arg(long = "option", value_name = "TEXT", required = true, allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// Let people choose several
    #[arg(long)]
    pub multiple: bool,
}

/// `poll ...`.
#[derive(Debug, Subcommand)]
pub enum PollAction {
    /// Close one's own poll: nobody votes any more
    #[command(after_help = "Example:\n  thechatapp-cli poll close general 41")]
    Close {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The poll's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
}

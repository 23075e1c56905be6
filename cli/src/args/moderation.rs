//! What can be typed about reports and blocked people.

use clap::{Subcommand, ValueEnum};

/// What about reports.
#[derive(Debug, Subcommand)]
pub enum ReportAction {
    /// Report a message to those who look after people
    #[command(after_help = "Example:\n  thechatapp-cli report message general 41 'An insult'")]
    Message {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
        /// What is wrong with it
        #[arg(allow_hyphen_values = true)]
        reason: String,
    },
    /// Report a person to those who look after people
    #[command(after_help = "Example:\n  thechatapp-cli report person @Mallory 'Writes me every night'")]
    Person {
        /// Who, with or without @
        person: String,
        /// What is wrong
        #[arg(allow_hyphen_values = true)]
        reason: String,
    },
    /// List open reports, newest first; wants the power over people
    #[command(after_help = "Example:\n  thechatapp-cli report list --closed --json")]
    List {
        /// Closed ones, too
        #[arg(long)]
        closed: bool,
    },
    /// Close a report; wants the power over people
    #[command(
        after_help = "Example:\n  thechatapp-cli report close 0199b5a0-6c1e-7c3a-9a51-5f0a6f1b2c3d removed --note 'We talked'"
    )]
    Close {
        /// Its id
        report: String,
        /// What becomes of it
        outcome: OutcomeArg,
        /// A note for those who read reports
        #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
        note: String,
    },
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OutcomeArg {
    /// Nothing was wrong
    Dismissed,
    /// Something was done about it elsewhere
    Acted,
    /// Remove the reported message
    Removed,
}

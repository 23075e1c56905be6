//! What can be typed about settings.

use clap::{Subcommand, value_parser};

/// What about settings.
#[derive(Debug, Subcommand)]
pub enum SettingsAction {
    /// Show what is set, as far as one may know it
    #[command(after_help = "Example:\n  thechatapp-cli settings list --json")]
    List,
    /// Change a setting; wants its section's power and a fresh sign-in
    #[command(
        after_help = "Examples:\n  thechatapp-cli settings set authentication.password_length 14\n  thechatapp-cli settings set web_chat.enabled off"
    )]
    Set {
        /// Its name
        name: String,
        /// What it is to be
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Show what a setting was, newest first
    #[command(after_help = "Example:\n  thechatapp-cli settings history server.edit_minutes")]
    History {
        /// Its name
        name: String,
    },
    /// Make a setting what it was before its last change, or in a version
    #[command(after_help = "Example:\n  thechatapp-cli settings revert server.edit_minutes --to 2")]
    Revert {
        /// Its name
        name: String,
        /// The version; 0 is what it is by itself
        #[arg(long, value_name = "VERSION")]
        to: Option<u64>,
    },
    /// Count how much the workspace is used; the counts stay on its server
    #[command(after_help = "Example:\n  thechatapp-cli settings usage --days 30 --json")]
    Usage {
        /// How many days, today included
        #[arg(long, default_value_t = 30, value_parser = value_parser!(u32).range(1..=366))]
        days: u32,
    },
}

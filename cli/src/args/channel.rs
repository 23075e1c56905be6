//! What can be typed about looking after channels.

use clap::{Subcommand, ValueEnum};

/// Who sees a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Seen {
    /// Everybody but guests
    Public,
    /// Those who are in it
    Private,
}

/// What about channels.
#[derive(Debug, Subcommand)]
pub enum ChannelAction {
    /// List public channels, with how many people are in them
    #[command(after_help = "Example:\n  thechatapp-cli channel directory design --archived --json")]
    Directory {
        /// Only those with this in their name
        #[arg(default_value = "", hide_default_value = true)]
        words: String,
        /// Archived ones, too
        #[arg(long)]
        archived: bool,
    },
    /// Set a channel's topic; an empty one removes it
    #[command(after_help = "Example:\n  thechatapp-cli channel topic design 'Release 3.2'")]
    Topic {
        /// The channel, with or without #
        channel: String,
        /// The new topic
        #[arg(allow_hyphen_values = true)]
        topic: String,
    },
    /// Name a channel anew; for its moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel rename design look-and-feel")]
    Rename {
        /// The channel, with or without #
        channel: String,
        /// Its new name
        name: String,
    },
    /// Archive a channel: it is read, and not written any more; for its moderators
    #[command(
        after_help = "Examples:\n  thechatapp-cli channel archive design\n  thechatapp-cli channel archive design --off"
    )]
    Archive {
        /// The channel, with or without #
        channel: String,
        /// Take it out of the archive
        #[arg(long)]
        off: bool,
    },
    /// Add somebody to a channel one is in
    #[command(after_help = "Example:\n  thechatapp-cli channel add design '@Ana Reis'")]
    Add {
        /// The channel, with or without #
        channel: String,
        /// Who, with or without @
        person: String,
    },
    /// Take somebody out of a channel; for its moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel remove design '@Ana Reis'")]
    Remove {
        /// The channel, with or without #
        channel: String,
        /// Who, with or without @
        person: String,
    },
    /// Make a channel private, or public with all that was said in it; for its moderators
    #[command(
        after_help = "Examples:\n  thechatapp-cli channel visibility design private\n  thechatapp-cli channel visibility design public --yes"
    )]
    Visibility {
        /// The channel, with or without #
        channel: String,
        /// Who sees it
        visibility: Seen,
        /// Everybody but guests may read what was said in it until now
        #[arg(long)]
        yes: bool,
    },
    /// Ban somebody from a channel: they leave it, and nothing brings them back; for its moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel ban design '@Ana Reis'")]
    Ban {
        /// The channel, with or without #
        channel: String,
        /// Who, with or without @
        person: String,
    },
    /// Lift a ban; for the channel's moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel unban design '@Ana Reis'")]
    Unban {
        /// The channel, with or without #
        channel: String,
        /// Who, with or without @
        person: String,
    },
    /// List who is banned from a channel; for its moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel bans design --json")]
    Bans {
        /// The channel, with or without #
        channel: String,
    },
    /// Remove somebody else's message; for the channel's moderators
    #[command(after_help = "Example:\n  thechatapp-cli channel remove-message design 41")]
    RemoveMessage {
        /// The channel, with or without #
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
}

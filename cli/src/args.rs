//! What can be typed. Names, options and their meaning are a contract (`docs/command-line.md`); what they do is in
//! `commands/`. Nothing here reads a file or asks a person.

use clap::{Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;
use std::path::PathBuf;
use thechatapp_core::platform::SECRET_WAIT;

mod account;
mod audit;
mod channel;
mod enter;
mod key;
mod lock;
mod moderation;
mod network;
mod poll;
mod rights;
mod search;
mod settings;
#[cfg(test)]
mod tests;

pub use account::{AccountCommand, Code, Content, Devices, DevicesAction, Proof, Totp};
pub use audit::{AuditAction, AuditFormat, AuditQuery};
pub use channel::{ChannelAction, Seen};
pub use enter::{Join, Login};
pub use key::{KeyAction, KeyPlace, Way};
pub use lock::LockAfter;
use lock::lock_after;
pub use moderation::{OutcomeArg, ReportAction};
pub use network::{NetworkAction, SetNetwork};
pub use poll::{Poll, PollAction};
pub use rights::{Grant, GroupAction, GroupMember, ModeratorAction, RoleAction, Visibility, Whom};
pub use search::{Keep, Search};
pub use settings::SettingsAction;

/// TheChatApp at a terminal
#[derive(Debug, Parser)]
#[command(name = "thechatapp-cli", version, about, max_term_width = 100, infer_long_args = false)]
#[command(after_help = "Exit codes and JSON fields are stable: docs/command-line.md lists them.")]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The profile's folder, instead of the one among the system's application data
    #[arg(long, global = true, env = "THECHATAPP_PROFILE", value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// The workspace's short name, where the profile has several; of several accounts in it, NAME/PERSON
    #[arg(long, global = true, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Print JSON, and errors as JSON too
    #[arg(long, global = true)]
    pub json: bool,
    /// A profile that a passphrase opens, for hosts without secure storage: the first line of this file
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// How long to wait for the system's secure storage, its prompt included
    #[arg(long, global = true, env = "THECHATAPP_SECRET_TIMEOUT", value_name = "SECONDS", default_value_t = SECRET_WAIT.as_secs(), value_parser = value_parser!(u64).range(1..=3600))]
    pub secret_timeout: u64,
    /// How long to wait for the server
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 15, value_parser = value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a workspace by an invite: make an account and enrol this device
    #[command(
        after_help = "Example:\n  thechatapp-cli join 'https://chat.example.org/join/acme#PIN.CODE' --name 'Ana Reis' --password-file mine"
    )]
    Join(Join),
    /// Sign in to one's account on another device
    #[command(
        after_help = "Example:\n  thechatapp-cli login https://chat.example.org/w/acme --name 'Ana Reis' --password-file mine --trust-pin PIN"
    )]
    Login(Login),
    /// List channels and direct conversations
    #[command(after_help = "Example:\n  thechatapp-cli channels --all --json")]
    Channels {
        /// Public channels one is not in, too
        #[arg(long)]
        all: bool,
    },
    /// Look after channels: directory, topic, name, archive, people, messages
    #[command(after_help = "Example:\n  thechatapp-cli channel archive design")]
    Channel {
        /// What about them.
        #[command(subcommand)]
        action: ChannelAction,
    },
    /// Make a channel
    #[command(after_help = "Example:\n  thechatapp-cli create design --private")]
    Create {
        /// Its name, with or without #
        #[arg(value_name = "NAME")]
        channel: String,
        /// For its members only
        #[arg(long)]
        private: bool,
    },
    /// Join a public channel
    #[command(after_help = "Example:\n  thechatapp-cli join-channel design")]
    JoinChannel {
        /// Its name, with or without #
        #[arg(value_name = "NAME")]
        channel: String,
    },
    /// Leave a channel; its messages leave this device
    #[command(after_help = "Example:\n  thechatapp-cli leave-channel design")]
    LeaveChannel {
        /// Its name, with or without #
        #[arg(value_name = "NAME")]
        channel: String,
    },
    /// Send a message, or one for each line of standard input; answers once it is on the server's disk
    #[command(
        after_help = "Examples:\n  thechatapp-cli send general 'Good morning'\n  thechatapp-cli send '@Ana Reis' 'Have you seen this?'\n  tail -f build.log | thechatapp-cli send builds -\n  thechatapp-cli send general 'Agreed' --thread 41"
    )]
    Send {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// What to say; - sends each line of standard input that is not empty
        #[arg(allow_hyphen_values = true)]
        text: String,
        /// Answer this message in its thread: its number in the channel, or its id
        #[arg(long, value_name = "SEQ|ID")]
        thread: Option<String>,
        /// Answer once it is on this device's disk; it goes out at the next connection
        #[arg(long)]
        queue: bool,
    },
    /// Show a draft, or keep a text as one, on all of one's devices; sending the same text ends it
    #[command(
        after_help = "Examples:\n  thechatapp-cli draft general 'Half a thought'\n  thechatapp-cli draft general --thread 41 --json\n  thechatapp-cli draft general --clear"
    )]
    Draft {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// What is typed, in place of what was; - takes standard input
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
        /// The draft of this message's thread: its number in the channel, or its id
        #[arg(long, value_name = "SEQ|ID")]
        thread: Option<String>,
        /// Delete it
        #[arg(long, conflicts_with = "text")]
        clear: bool,
    },
    /// List drafts, the one typed at last first
    #[command(after_help = "Example:\n  thechatapp-cli drafts --json")]
    Drafts,
    /// Show what was said, oldest first, and mark it as read
    #[command(
        after_help = "Examples:\n  thechatapp-cli read general -n 50\n  thechatapp-cli read general --before 200 --json\n  thechatapp-cli read general --thread 41"
    )]
    Read {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// How many messages
        #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 50, value_parser = value_parser!(u32).range(1..))]
        number: u32,
        /// Only messages before this number
        #[arg(long, value_name = "SEQ")]
        before: Option<u64>,
        /// Only this message's thread: the message it began with, then its answers
        #[arg(long, value_name = "SEQ|ID")]
        thread: Option<String>,
        /// Leave the read mark where it is
        #[arg(long)]
        peek: bool,
    },
    /// Print messages as they come, and changes to them, until interrupted; goes on where it was
    #[command(after_help = "Example:\n  thechatapp-cli watch --json | jq -r .text")]
    Watch {
        /// Only this channel or person
        channel: Option<String>,
    },
    /// Change the text of one's own message
    #[command(after_help = "Example:\n  thechatapp-cli edit general 41 'At ten, not at nine'")]
    Edit {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
        /// The new text
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Show what a message said before it was edited, oldest first
    #[command(after_help = "Example:\n  thechatapp-cli history general 41")]
    History {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
    /// Delete one's own message
    #[command(after_help = "Example:\n  thechatapp-cli delete general 41")]
    Delete {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
    /// Put an emoji under a message, or take it back
    #[command(after_help = "Example:\n  thechatapp-cli react general 41 👍")]
    React {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
        /// The emoji
        emoji: String,
        /// Take one's own back
        #[arg(long)]
        off: bool,
    },
    /// Pin a message in its channel, for everybody in it
    #[command(after_help = "Example:\n  thechatapp-cli pin general 41")]
    Pin {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
    /// Take a pin off a message
    #[command(after_help = "Example:\n  thechatapp-cli unpin general 41")]
    Unpin {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
    /// List a channel's pinned messages, the newest pin first
    #[command(after_help = "Example:\n  thechatapp-cli pins general")]
    Pins {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
    },
    /// Ask a question with options to choose from, or close one's own
    #[command(
        after_help = "Examples:\n  thechatapp-cli poll general 'Lunch at noon?' --option yes --option no\n  thechatapp-cli poll close general 41"
    )]
    Poll(Poll),
    /// Vote in a poll, in place of what one chose before, or withdraw one's vote
    #[command(
        after_help = "Examples:\n  thechatapp-cli vote general 41 2\n  thechatapp-cli vote general 41 --withdraw"
    )]
    Vote {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The poll's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
        /// The numbers of the options, the first being 1
        #[arg(value_name = "OPTION", required_unless_present = "withdraw", value_parser = value_parser!(u32).range(1..))]
        options: Vec<u32>,
        /// Take one's vote back
        #[arg(long, conflicts_with = "options")]
        withdraw: bool,
    },
    /// Keep a message for oneself, with a note that nobody else sees; again, to change the note
    #[command(after_help = "Example:\n  thechatapp-cli save general 41 --note 'answer by Friday'")]
    Save {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
        /// The note; an empty one removes it
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        note: Option<String>,
    },
    /// Keep a message no longer
    #[command(after_help = "Example:\n  thechatapp-cli unsave general 41")]
    Unsave {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The message's number in the channel, or its id
        #[arg(value_name = "SEQ|ID")]
        message: String,
    },
    /// List what one keeps for oneself, the newest first
    #[command(after_help = "Example:\n  thechatapp-cli saved --json")]
    Saved,
    /// Send a file; sealed on this device before it leaves, and resumed where it broke off when asked again
    #[command(after_help = "Example:\n  thechatapp-cli upload design plan.pdf --text 'The new plan'")]
    Upload {
        /// A channel with or without #, a person as @name, or an id
        channel: String,
        /// The file
        file: PathBuf,
        /// What to say with it
        #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
        text: String,
    },
    /// Fetch a file, or a part of it; resumed where it broke off when asked again
    #[command(
        after_help = "Examples:\n  thechatapp-cli download 0199b5a0-6c1e-7c3a-9a51-5f0a6f1b2c3d -o plan.pdf\n  thechatapp-cli download 0199b5a0-6c1e-7c3a-9a51-5f0a6f1b2c3d --range 0-1023 -o head.bin"
    )]
    Download {
        /// The file's id, as under `files` in `read --json`
        #[arg(value_name = "FILE-ID")]
        file: String,
        /// Only these bytes, counted from 0, both ends included; A- for the rest
        #[arg(long, value_name = "A-B", allow_hyphen_values = true)]
        range: Option<String>,
        /// Only the small picture of it
        #[arg(long, conflicts_with = "range")]
        thumbnail: bool,
        /// Where to put it; replaced once all of it is here
        #[arg(short, long, value_name = "F")]
        output: PathBuf,
    },
    /// Find messages in this device's sealed index, newest first
    #[command(
        after_help = "Examples:\n  thechatapp-cli search budget --in general --after 2026-11-01\n  thechatapp-cli search '\"next week\" berlin' --from 'Ana Reis' --json"
    )]
    Search(Search),
    /// Show what is pinned for the server, or accept a new identity
    #[command(after_help = "Examples:\n  thechatapp-cli identity\n  thechatapp-cli identity accept PIN")]
    Identity {
        /// What about it.
        #[command(subcommand)]
        action: Option<IdentityAction>,
    },
    /// Read and prove the workspace's audit log, for those who may
    #[command(after_help = "Example:\n  thechatapp-cli audit list --actor @ana -n 20")]
    #[command(subcommand)]
    Audit(AuditAction),
    /// List the people whom one sees here, and what each of them is
    #[command(after_help = "Example:\n  thechatapp-cli people --json")]
    People,
    /// Show who one is here
    #[command(after_help = "Example:\n  thechatapp-cli whoami --json")]
    Whoami,
    /// Show the profile's key, the connections, and what waits to be sent
    #[command(after_help = "Example:\n  thechatapp-cli status --json")]
    Status,
    /// Report a message or a person, or look after reports
    #[command(after_help = "Example:\n  thechatapp-cli report message general 41 'An insult'")]
    Report {
        /// What about them.
        #[command(subcommand)]
        action: ReportAction,
    },
    /// Take no direct messages from somebody; without a name, show from whom
    #[command(after_help = "Examples:\n  thechatapp-cli block @Mallory\n  thechatapp-cli block @Mallory --off")]
    Block {
        /// Who, with or without @
        person: Option<String>,
        /// Let them write again
        #[arg(long, requires = "person")]
        off: bool,
    },
    /// Show and change settings, and count usage
    #[command(after_help = "Example:\n  thechatapp-cli settings set web_chat.enabled off")]
    Settings {
        /// What about them.
        #[command(subcommand)]
        action: SettingsAction,
    },
    /// Custom roles: what they give, and who has them
    #[command(after_help = "Example:\n  thechatapp-cli role create auditors --power audit")]
    Role {
        /// What about them.
        #[command(subcommand)]
        action: RoleAction,
    },
    /// Groups of people: who is in them, and which channels follow them
    #[command(after_help = "Example:\n  thechatapp-cli group members design")]
    Group {
        /// What about them.
        #[command(subcommand)]
        action: GroupAction,
    },
    /// Who looks after a channel
    #[command(after_help = "Example:\n  thechatapp-cli moderator add design '@Ana Reis'")]
    Moderator {
        /// What about it.
        #[command(subcommand)]
        action: ModeratorAction,
    },
    /// List one's devices and browsers, or revoke them
    #[command(after_help = "Examples:\n  thechatapp-cli devices\n  thechatapp-cli devices revoke --all")]
    Devices(Devices),
    /// Accounts: one's own, and for administrators those of others
    #[command(subcommand, after_help = "Examples:\n  thechatapp-cli account show\n  thechatapp-cli account confirm")]
    Account(AccountCommand),
    /// Show how much of the past this device keeps, or choose it
    #[command(
        after_help = "Examples:\n  thechatapp-cli storage --json\n  thechatapp-cli storage --days 365 --megabytes 2000"
    )]
    Storage(Keep),
    /// Lock the profile: whoever has it open closes it, and it opens again only by `unlock`
    #[command(
        after_help = "Examples:\n  thechatapp-cli lock\n  thechatapp-cli lock --after 10\n  thechatapp-cli lock --after never"
    )]
    Lock {
        /// Instead choose after how many minutes without anybody the window locks itself: a number, or `never`
        #[arg(long, value_name = "MINUTES", value_parser = lock_after)]
        after: Option<LockAfter>,
    },
    /// Unlock a profile that was locked, by its passphrase where it has one
    #[command(after_help = "Example:\n  thechatapp-cli unlock --passphrase-file mine")]
    Unlock,
    /// Look after how the profile is opened: secure storage, a passphrase, a recovery code
    #[command(after_help = "Examples:\n  thechatapp-cli key show\n  thechatapp-cli key recovery-code")]
    Key {
        /// What about it.
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Show or choose how one gets into the network: proxies, scripts, credentials
    #[command(
        after_help = "Examples:\n  thechatapp-cli network show\n  thechatapp-cli network set --proxy http://proxy.example.org:3128"
    )]
    Network {
        /// What about it.
        #[command(subcommand)]
        action: NetworkAction,
    },
    /// Check the profile's files and keys; without --repair nothing changes but what rebuilds itself: a damaged cache
    #[command(after_help = "Example:\n  thechatapp-cli doctor --repair")]
    Doctor {
        /// Set damaged files aside: the cache is fetched from the server again, drafts and unsent messages come from
        /// their last good copy
        #[arg(long)]
        repair: bool,
        /// Let go of what can be read of a damaged cache that is being rebuilt: what has not come yet comes from the server alone
        #[arg(long)]
        let_go: bool,
    },
    /// Sign this device out of the workspace and remove its messages from here
    #[command(after_help = "Example:\n  thechatapp-cli sign-out --wipe")]
    SignOut {
        /// Remove the whole profile: its key first, then its files, messages that wait to be sent included
        #[arg(long)]
        wipe: bool,
    },
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  thechatapp-cli completions bash > ~/.local/share/bash-completion/completions/thechatapp-cli"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `identity ...`.
#[derive(Debug, Subcommand)]
pub enum IdentityAction {
    /// Trust the identity the server shows now, after comparing it with the administrator
    #[command(after_help = "Example:\n  thechatapp-cli identity accept PIN")]
    Accept {
        /// The new pin, or the first two of its words
        #[arg(allow_hyphen_values = true)]
        pin: String,
    },
}

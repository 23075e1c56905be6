//! What can be typed about accounts and devices.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// How somebody proves who they are. No secret is taken from an argument, which other programs of the machine can see.
#[derive(Debug, Args)]
pub struct Proof {
    /// The account's password, in the first line of a file; without one, a terminal is asked
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The code of the second factor or a recovery code, in the first line of a file; a terminal is asked where one is wanted
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
}

/// A code.
#[derive(Debug, Args)]
pub struct Code {
    /// The code, in the first line of a file; without one, a terminal is asked
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
}

/// `account ...`.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Show one's own account, or for administrators somebody's
    #[command(after_help = "Example:\n  thechatapp-cli account show 'Ana Reis' --json")]
    Show {
        /// Whose, by name or id
        person: Option<String>,
    },
    /// Prove anew who one is; commands that end with code 14 go for some minutes from then on
    #[command(after_help = "Example:\n  thechatapp-cli account confirm --password-file mine")]
    Confirm(Proof),
    /// Change one's password
    #[command(after_help = "Example:\n  thechatapp-cli account password --password-file old --new-password-file new")]
    Password {
        /// By what one proves it.
        #[command(flatten)]
        proof: Proof,
        /// The new password, in the first line of a file; without one, a terminal is asked
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
        /// Sign all other devices and browsers out
        #[arg(long)]
        sign_out_others: bool,
    },
    /// One's second factor: codes of an authenticator (RFC 6238)
    #[command(subcommand, after_help = "Example:\n  thechatapp-cli account totp begin")]
    Totp(Totp),
    /// Invite one person
    #[command(after_help = "Example:\n  thechatapp-cli account invite --name 'Ana Reis' --channel design")]
    Invite {
        /// The name of their account; without one they choose
        #[arg(long)]
        name: Option<String>,
        /// owner, manager, member or guest; no more than one is oneself
        #[arg(long, default_value = "member")]
        rank: String,
        /// A channel to join, besides those that everybody is in; a guest joins these alone
        #[arg(long = "channel", value_name = "CHANNEL")]
        channels: Vec<String>,
    },
    /// Make somebody an owner, a manager, a member or a guest
    #[command(after_help = "Example:\n  thechatapp-cli account rank '@Ana Reis' manager")]
    Rank {
        /// A person as @name, or an id
        #[arg(value_name = "@NAME")]
        person: String,
        /// owner, manager, member or guest
        rank: String,
    },
    /// Close an account until it is reinstated; its devices and browsers hear nothing more
    #[command(after_help = "Example:\n  thechatapp-cli account suspend 'Ana Reis'")]
    Suspend {
        /// Whose, by name or id
        person: String,
    },
    /// Open a suspended account
    #[command(after_help = "Example:\n  thechatapp-cli account reinstate 'Ana Reis'")]
    Reinstate {
        /// Whose, by name or id
        person: String,
    },
    /// End an account for good
    #[command(after_help = "Example:\n  thechatapp-cli account delete 'Ana Reis' --content keep --yes")]
    Delete {
        /// Whose, by name or id
        person: String,
        /// What becomes of what they wrote: it stays under their name, or goes and their name with it;
        /// as `privacy.deleted_content` says when not given
        #[arg(long)]
        content: Option<Content>,
        /// It is meant
        #[arg(long)]
        yes: bool,
    },
    /// Make a code by which somebody chooses a new password; good once, for a day
    #[command(after_help = "Example:\n  thechatapp-cli account reset 'Ana Reis'")]
    Reset {
        /// Whose, by name or id
        person: String,
    },
    /// Forget failed attempts to sign in to an account
    #[command(after_help = "Example:\n  thechatapp-cli account unlock 'Ana Reis'")]
    Unlock {
        /// Whose, by name or id
        person: String,
    },
}

/// What becomes of what a deleted person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Content {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
}

/// `account totp ...`.
#[derive(Debug, Subcommand)]
pub enum Totp {
    /// Make a secret for an authenticator
    #[command(after_help = "Example:\n  thechatapp-cli account totp begin --json")]
    Begin,
    /// Show a code of it: it is asked for from then on. Prints recovery codes, once
    #[command(after_help = "Example:\n  thechatapp-cli account totp finish --code-file code")]
    Finish(Code),
    /// End it
    #[command(after_help = "Example:\n  thechatapp-cli account totp end --code-file code")]
    End(Code),
    /// End somebody's
    #[command(after_help = "Example:\n  thechatapp-cli account totp remove 'Ana Reis'")]
    Remove {
        /// Whose, by name or id
        person: String,
    },
}

/// `devices`.
#[derive(Debug, Args)]
pub struct Devices {
    /// Somebody's, for administrators
    #[arg(long, value_name = "NAME", global = true)]
    pub account: Option<String>,
    /// What about them.
    #[command(subcommand)]
    pub action: Option<DevicesAction>,
}

/// `devices ...`.
#[derive(Debug, Subcommand)]
pub enum DevicesAction {
    /// Revoke a device, or end a browser's session; it is closed within a second
    #[command(
        after_help = "Examples:\n  thechatapp-cli devices revoke 0199b5a0-6c1e-7c3a-9a51-5f0a6f1b2c3d\n  thechatapp-cli devices revoke 0199b5a0-6c1e-7c3a-9a51-5f0a6f1b2c3d --wipe\n  thechatapp-cli devices revoke --all --account 'Ana Reis'"
    )]
    Revoke {
        /// Its id
        #[arg(required_unless_present = "all")]
        device: Option<String>,
        /// All of them; of one's own all but this one
        #[arg(long, conflicts_with = "device")]
        all: bool,
        /// It also destroys what it keeps of the workspace, at its next contact, for a device that was lost
        #[arg(long, conflicts_with = "all")]
        wipe: bool,
    },
}

//! What can be typed about a profile's key.

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

/// What about the profile's key.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Show how the profile is opened, and how else it could be
    #[command(after_help = "Example:\n  thechatapp-cli key show --json")]
    Show,
    /// Make a code that opens the profile when its key is lost, in place of an older one; it is shown once
    #[command(after_help = "Example:\n  thechatapp-cli key recovery-code")]
    RecoveryCode,
    /// Open a profile whose key is lost by its recovery code, and give it a new key in secure storage, or a passphrase
    #[command(
        after_help = "Examples:\n  thechatapp-cli key restore --code-file code\n  thechatapp-cli key restore --code-file code --new-passphrase-file mine"
    )]
    Restore {
        /// The code, in the first line of a file; a terminal is asked where there is none
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// Open it by this passphrase from now on, in the first line of a file: for where there is no secure storage
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Move the files of a profile that does not open out of the way, so that one can sign in anew; nothing is deleted
    #[command(after_help = "Example:\n  thechatapp-cli key set-aside --yes")]
    SetAside {
        /// It is meant: what was not sent stays in the old files
        #[arg(long)]
        yes: bool,
    },
    /// Add a passphrase that opens the profile, too, or change it
    #[command(after_help = "Example:\n  thechatapp-cli key passphrase --new-passphrase-file mine")]
    Passphrase {
        /// The passphrase, in the first line of a file; a terminal is asked where there is none
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Give every database on this device a new key: each is copied under it, which needs as much room as it has
    #[command(after_help = "Example:\n  thechatapp-cli key renew")]
    Renew,
    /// Take a way in away; never the one that is used
    #[command(after_help = "Example:\n  thechatapp-cli key drop recovery")]
    Drop {
        /// Which
        way: Way,
    },
    /// Open the profile by another place from now on
    #[command(
        after_help = "Examples:\n  thechatapp-cli key move secret-store\n  thechatapp-cli key move passphrase --new-passphrase-file mine"
    )]
    Move {
        /// Where to
        to: KeyPlace,
        /// The passphrase, in the first line of a file; a terminal is asked where there is none
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

/// A way in that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The passphrase.
    Passphrase,
    /// The recovery code.
    Recovery,
}

/// Where a profile's key can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyPlace {
    /// The system's secure storage.
    SecretStore,
    /// A passphrase.
    Passphrase,
}

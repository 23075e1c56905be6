//! The command line: each subcommand parses, makes one call, and prints (`docs/command-line.md`).

mod account;
mod audit;
mod backup;
mod import;
mod init;
mod keys;
mod output;
mod serve;

use crate::admin::{self, Command, socket::Remote};
use crate::auth::password::Cost;
use crate::config::{Config, KeySection};
use crate::error::{Error, Kind, Result};
use crate::guard;
use crate::kms::{self, KeySource};
use crate::tenants::{self, Host};
use crate::thumbnail;
use clap::{Args, Parser, Subcommand};
use output::Output;
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The TheChatApp workspace server.
#[derive(Debug, Parser)]
#[command(name = "thechatapp-server", version, about, arg_required_else_help = true)]
struct Cli {
    /// Print JSON for machines.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Init(init::Init),
    Serve(serve::Serve),
    /// Makes an invite, also while the server runs.
    #[command(after_help = "Example: thechatapp-server invite --data /srv/chat --workspace acme --uses 5 --expires 7d")]
    Invite {
        #[command(flatten)]
        open: Open,
        /// For which workspace.
        #[arg(long)]
        workspace: String,
        /// For how many people.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how long: 30m, 12h, 7d.
        #[arg(long, default_value = "7d", value_parser = duration)]
        expires: u64,
    },
    Import(import::Import),
    /// Accounts of people.
    #[command(subcommand)]
    Account(account::Account),
    /// Keys and their rotation.
    #[command(subcommand)]
    Key(keys::Key),
    /// Sealed backups.
    #[command(subcommand)]
    Backup(backup::Backup),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The workspaces of this host.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Draws a thumbnail: the server starts it for each, and gives it a picture.
    #[command(hide = true)]
    Thumbnail {
        #[arg(long)]
        memory: u64,
        #[arg(long)]
        seconds: u64,
    },
    /// Checks every page of databases, opens every sealed value and every file, and looks at the rights of files. Changes
    /// nothing, and may be run while the server works.
    #[command(after_help = "Example: thechatapp-server doctor --data /srv/chat --json")]
    Doctor {
        #[command(flatten)]
        open: Open,
        /// Only pages and their structure: neither values nor files are opened.
        #[arg(long)]
        quick: bool,
    },
}

#[derive(Debug, Subcommand)]
enum WorkspaceCommand {
    /// Lists them.
    #[command(after_help = "Example: thechatapp-server workspace list --data /srv/chat")]
    List {
        #[command(flatten)]
        open: Open,
    },
    /// Makes another one, with an owner's invite.
    #[command(after_help = "Example: thechatapp-server workspace create --data /srv/chat --workspace lab")]
    Create {
        #[command(flatten)]
        open: Open,
        /// Its name, as it stands in addresses.
        #[arg(long)]
        workspace: String,
    },
    /// Destroys one, or a channel or a person in it: keys first, then all that is kept of it. There is no way back.
    #[command(after_help = "Examples: thechatapp-server workspace wipe --data /srv/chat --workspace lab --yes
          thechatapp-server workspace wipe --data /srv/chat --workspace lab --destroy-remote-key --yes
          thechatapp-server workspace wipe --data /srv/chat --workspace acme --channel plans --yes")]
    Wipe {
        #[command(flatten)]
        open: Open,
        /// Which.
        #[arg(long)]
        workspace: String,
        /// Only this channel or conversation in it, by its name or id.
        #[arg(long, conflicts_with = "person")]
        channel: Option<String>,
        /// Only this person in it, by their name or id.
        #[arg(long)]
        person: Option<String>,
        /// Also destroys its own key in Vault or a token, or schedules the deletion of that in AWS KMS.
        #[arg(long, conflicts_with_all = ["channel", "person"])]
        destroy_remote_key: bool,
        /// With --destroy-remote-key: for how many days AWS KMS keeps the key, opening nothing, before it deletes it.
        #[arg(long, value_name = "DAYS", requires = "destroy_remote_key", default_value_t = 30,
              value_parser = clap::value_parser!(u16).range(kms::PENDING_DAYS))]
        pending_window_days: u16,
        /// It is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Goes on with the successor root that was kept offline.
    #[command(
        after_help = "Example: thechatapp-server workspace restore-root --data /srv/chat --workspace acme --successor-file ./successor"
    )]
    RestoreRoot {
        #[command(flatten)]
        open: Open,
        /// Which.
        #[arg(long)]
        workspace: String,
        /// A file with what `init` printed as `successor`.
        #[arg(long)]
        successor_file: PathBuf,
    },
}

/// Where the data is and what opens it.
#[derive(Debug, Args)]
struct Open {
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// A file with the passphrase of the local key service.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// The key service: `local:[PATH]`, `vault+https://HOST/MOUNT/KEY`, `pkcs11:…`, `aws-kms:KEY` (docs/keys.md).
    #[arg(long)]
    kms: Option<String>,
}

/// Runs the program; the answer is its exit code.
pub fn main() -> u8 {
    guard::process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) if !asked.use_stderr() => {
            let _ = asked.print();
            return 0;
        }
        Err(wrong) => {
            // Clap's own words are good; only a machine wants them as JSON.
            let json = std::env::args().any(|arg| arg == "--json");
            if json {
                let text = wrong.to_string();
                let why = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Output::new(true).error(&Error::new(
                    Kind::Usage,
                    "The command is not written as it must be",
                    why,
                    "see --help",
                ));
            } else {
                let _ = wrong.print();
            }
            return Kind::Usage.exit_code();
        }
    };
    // Before anything else runs here: it gives up what it does not need.
    if let Sub::Thumbnail { memory, seconds } = cli.command {
        return thumbnail::run(memory, seconds);
    }
    let output = Output::new(cli.json);
    match run(cli.command, &output) {
        Ok(()) => 0,
        Err(error) => {
            output.error(&error);
            error.kind.exit_code()
        }
    }
}

fn run(command: Sub, output: &Output) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::internal("The program could not start", why))?;
    let done = runtime.block_on(async {
        match command {
            Sub::Init(init) => init::run(init, output),
            Sub::Serve(serve) => serve::run(serve, output).await,
            Sub::Invite { open, workspace, uses, expires } => {
                let made = once(&open, Command::Invite { workspace, uses, lasts: expires }).await?;
                output.print(&made, |made| format!("Invite: {}", text(made, "invite")));
                Ok(())
            }
            Sub::Import(import) => import::run(import, output).await,
            Sub::Account(command) => account::run(command, output).await,
            Sub::Key(command) => keys::run(command, output).await,
            Sub::Backup(command) => backup::run(command, output).await,
            Sub::Audit(command) => audit::run(command, output).await,
            Sub::Workspace(command) => workspace(command, output).await,
            // It has ended by now.
            Sub::Thumbnail { .. } => Ok(()),
            Sub::Doctor { open, quick } => {
                let command = if quick { Command::DoctorQuick } else { Command::Doctor };
                let report = once(&open, command).await?;
                output.print(&report, |report| format!("{report:#}"));
                if report.get("ok") == Some(&Value::Bool(true)) {
                    return Ok(());
                }
                Err(Error::new(
                    Kind::Corrupt,
                    "Something is not as it should be",
                    "see the report",
                    "restore what is damaged",
                ))
            }
        }
    });
    // Blocking work that is still under way has nobody left to answer.
    runtime.shutdown_background();
    done
}

async fn workspace(command: WorkspaceCommand, output: &Output) -> Result<()> {
    match command {
        WorkspaceCommand::List { open } => {
            let list = once(&open, Command::WorkspaceList).await?;
            output.print(&list, |list| {
                let rows = list.get("workspaces").and_then(Value::as_array).cloned().unwrap_or_default();
                rows.iter()
                    .map(|row| format!("{}  {}", text(row, "workspace"), text(row, "pin")))
                    .collect::<Vec<_>>()
                    .join("\n")
            });
        }
        WorkspaceCommand::Create { open, workspace } => {
            let made = once(&open, Command::WorkspaceCreate { workspace }).await?;
            output.print(&made, init::words);
        }
        WorkspaceCommand::Wipe { open, workspace, channel, person, destroy_remote_key, pending_window_days, yes } => {
            if !yes {
                let what = match (&channel, &person) {
                    (Some(_), _) => "a channel",
                    (_, Some(_)) => "all that a person left",
                    (None, None) => "a workspace",
                };
                return Err(Error::new(
                    Kind::Usage,
                    "Nothing was wiped",
                    format!("this destroys {what} for good"),
                    "give --yes when it is meant",
                ));
            }
            let destroy_remote_key = destroy_remote_key.then_some(pending_window_days);
            let done = once(&open, Command::WorkspaceWipe { workspace, channel, person, destroy_remote_key }).await?;
            output.print(&done, wiped);
        }
        WorkspaceCommand::RestoreRoot { open, workspace, successor_file } => {
            let successor = read_secret(&successor_file)?.to_string();
            let done = once(&open, Command::WorkspaceRestoreRoot { workspace, successor }).await?;
            output.print(&done, |done| {
                format!(
                    "The successor is the root now.\nPin: {}\nNext successor, shown once: {}",
                    text(done, "pin"),
                    text(done, "successor")
                )
            });
        }
    }
    Ok(())
}

/// What a wipe says to people.
fn wiped(done: &Value) -> String {
    let subject = ["channel", "person", "workspace"].into_iter().find(|key| done.get(key).is_some());
    let mut words = format!("{} is gone", text(done, subject.unwrap_or_default()));
    if done.get("messages").is_some() {
        let _ = write!(words, ": {} messages, {} files", text(done, "messages"), text(done, "files"));
    }
    for key in done.get("keys_scheduled").and_then(Value::as_array).into_iter().flatten() {
        let (key, provider, at) = (text(key, "key"), text(key, "provider"), text(key, "at"));
        let _ = write!(words, "\nThe key {key} of {provider} opens nothing any more, and is deleted on {at}");
    }
    for key in done.get("keys_to_destroy").and_then(Value::as_array).into_iter().flatten() {
        let (key, provider, why) = (text(key, "key"), text(key, "provider"), text(key, "why"));
        let _ = write!(words, "\nStill to be destroyed: the key {key} of {provider}, {why}");
    }
    let open = done.get("backups_still_open").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !open.is_empty() {
        words.push_str("\nThese backups hold it still:");
    }
    for backup in open {
        let _ = write!(words, "\n  {} in {}", text(backup, "backup"), text(backup, "folder"));
        let missing = if backup.get("found") == Some(&Value::Bool(false)) { " (not there at present)" } else { "" };
        let _ = write!(words, "{missing}: {}", text(backup, "why"));
    }
    if done.get("invite").is_some() {
        let _ = write!(
            words,
            "\nThe workspace has no owner any longer. An invite that makes one: {}",
            text(done, "invite")
        );
    }
    words
}

/// Runs one command, by the running server or on the opened data.
async fn once(open: &Open, command: Command) -> Result<Value> {
    Way::to(open).await?.call(command).await
}

/// How commands reach the data.
enum Way {
    Remote(Box<Remote>),
    Local(Box<Host>),
}

impl Way {
    async fn to(open: &Open) -> Result<Self> {
        if let Some(remote) = Remote::connect(&open.data).await {
            return Ok(Self::Remote(Box::new(remote)));
        }
        // A typing error must not make a folder, and a host that is busy must not ask for a passphrase.
        if open.data.join("host.db").exists() {
            drop(tenants::lock(&open.data)?.ok_or_else(|| {
                Error::new(
                    Kind::Busy,
                    "Another process has this data folder",
                    "it does not answer on admin.sock",
                    "wait until it has started or ended",
                )
            })?);
        }
        let source = open.key.source(None)?;
        let config = Config::read(None, |name| std::env::var(name).ok())?;
        let host = Host::open_with(&open.data, &source, Cost::PRODUCT, &config.key)?;
        host.set_storage_in_use(&config.files)?;
        // What cannot be wiped now is said by whoever asks for that; other commands do their work.
        let _ = host.go_on_wiping().await;
        Ok(Self::Local(Box::new(host)))
    }

    async fn call(&mut self, command: Command) -> Result<Value> {
        match self {
            Self::Remote(remote) => remote.call(&command).await,
            Self::Local(host) => admin::run(host, command).await,
        }
    }
}

impl KeyArgs {
    /// What opens the keys: from the command line, else the configuration, else a person at a terminal.
    fn source(&self, config: Option<&KeySection>) -> Result<KeySource> {
        let from_environment;
        let section = match config {
            Some(section) => section,
            None => {
                from_environment = Config::read(None, |name| std::env::var(name).ok())?.key;
                &from_environment
            }
        };
        let uri = self.kms.as_deref().or(section.kms.as_deref()).unwrap_or("local:");
        KeySource::parse(uri, section, || self.passphrase(section))
    }

    fn passphrase(&self, section: &KeySection) -> Result<Zeroizing<String>> {
        let usage = |what: &str, why: &str, advice: &str| Error::new(Kind::Usage, what, why, advice);
        let passphrase = if let Some(path) = &self.passphrase_file {
            read_secret(path)?
        } else if let Some(passphrase) = &section.passphrase {
            Zeroizing::new(passphrase.clone())
        } else if let Some(path) = kms::credential("passphrase") {
            read_secret(&path)?
        } else if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            Zeroizing::new(rpassword::prompt_password("Passphrase of this host: ")?)
        } else {
            return Err(usage(
                "No passphrase was given",
                "there is no terminal to ask for it at",
                "give --passphrase-file or --kms",
            ));
        };
        if passphrase.is_empty() {
            return Err(usage("The passphrase is empty", "an empty one protects nothing", "choose one"));
        }
        Ok(passphrase)
    }
}

/// The first line of a file.
fn read_secret(path: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|why| {
        Error::bad_input(
            "A file with a secret cannot be read",
            format!("{}: {why}", path.display()),
            "check its name and rights",
        )
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// `90s`, `30m`, `12h`, `7d` in seconds.
fn duration(text: &str) -> std::result::Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err("a number and s, m, h or d are expected, as in 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number is expected, as in 7d".to_owned())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(|| "this is no length of time".to_owned())
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

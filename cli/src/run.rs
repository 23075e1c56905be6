//! From arguments to an open profile, and from there to one command.

use crate::args::{Arguments, Command, Global};
use crate::commands;
use crate::output::{Outcome, Output};
use crate::secrets;
use crate::shape::Names;
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use thechatapp_core::view::{ChannelView, Connection, WorkspaceView};
use thechatapp_core::{Client, Due, Error, Platform, Unlock, WorkspaceId};

/// How long attempts may fail at once, one after the other, before a command goes on without the server.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Runs what was typed.
pub async fn run(arguments: Arguments, output: Output) -> Outcome {
    let Arguments { global, command } = arguments;
    if let Command::Completions { shell } = command {
        return commands::completions(shell);
    }
    let place = Place::new(global, output)?;
    match command {
        Command::Join(join) => commands::join(&place, join).await,
        Command::Login(login) => commands::login(&place, login).await,
        Command::Status => commands::status(&place).await,
        Command::Doctor { repair, let_go } => commands::doctor(&place, repair, let_go).await,
        Command::Storage(keep) => commands::storage(&place, keep).await,
        Command::Lock { after } => commands::lock(&place, after).await,
        Command::Unlock => commands::unlock(&place).await,
        Command::Key { action } => commands::key(&place, action).await,
        Command::Network { action } => commands::network(&place, action).await,
        Command::SignOut { wipe } => commands::sign_out(&place, wipe).await,
        command => {
            let desk = place.desk().await?;
            let due = desk.client.due();
            let outcome = tokio::select! {
                outcome = commands::at_desk(&desk, command) => outcome,
                Due::Lock = due => Err(Error::Locked { why: "it was locked meanwhile".into() }.into()),
            };
            close(desk.client, outcome).await
        }
    }
}

/// Closes the profile after a command; the command's own failure is the one that counts.
pub async fn close<T>(client: Client, outcome: Outcome<T>) -> Outcome<T> {
    let closed = client.close().await;
    let done = outcome?;
    closed?;
    Ok(done)
}

/// Connects and catches up. Attempts that fail at once are made for a moment only.
pub async fn connect(client: &Client, ws: WorkspaceId, timeout: Duration) -> thechatapp_core::Result<()> {
    tokio::select! {
        connected = client.connect(ws, timeout) => connected,
        failed = nobody_there(client, ws) => Err(failed),
    }
}

/// Returns when attempts have been failing for a moment.
async fn nobody_there(client: &Client, ws: WorkspaceId) -> Error {
    tokio::time::sleep(PATIENCE).await;
    loop {
        match client.resolve_workspace(Some(&ws.to_string())).await {
            Ok(WorkspaceView { connection: Connection::Offline { why, .. }, .. }) => return Error::Offline { why },
            Ok(_) => tokio::time::sleep(PATIENCE / 10).await,
            Err(error) => return error,
        }
    }
}

/// Where a profile is and how it is opened.
pub struct Place {
    /// How results are printed.
    pub output: Output,
    /// The profile's folder.
    pub dir: PathBuf,
    /// The workspace that was named.
    pub workspace: Option<String>,
    /// How long the server may take.
    pub timeout: Duration,
    /// What this machine offers.
    pub platform: Platform,
    passphrase_file: Option<PathBuf>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Place {
    fn new(global: Global, output: Output) -> Outcome<Self> {
        let dir = match global.profile {
            Some(dir) => dir,
            None => thechatapp_platform::default_profile().ok_or_else(|| {
                Error::bad_input(
                    "there is no place for a profile",
                    "this system names no folder for it; give --profile",
                )
            })?,
        };
        Ok(Self {
            output,
            dir,
            workspace: global.workspace,
            timeout: Duration::from_secs(global.timeout),
            platform: thechatapp_platform::platform(Duration::from_secs(global.secret_timeout)),
            passphrase_file: global.passphrase_file,
        })
    }

    /// What opens the profile, as far as it was said.
    pub fn unlock(&self) -> Outcome<Unlock> {
        Ok(match &self.passphrase_file {
            Some(path) => Unlock::Passphrase(secrets::first_line(path, "passphrase")?),
            None => Unlock::SecureStorage,
        })
    }

    /// What opens the profile after secure storage did not: the person at the terminal, where a passphrase does.
    pub fn ask(&self, error: Error) -> Outcome<Unlock> {
        let asked = self.passphrase_file.is_none()
            && secrets::can_ask()
            && Client::ways_of(&self.dir).is_some_and(|ways| ways.passphrase);
        if asked { Ok(Unlock::Passphrase(secrets::ask("passphrase")?)) } else { Err(error.into()) }
    }

    /// A profile that was locked is opened by `unlock` and by nothing else, whatever file has its passphrase.
    fn refuse_locked(&self) -> Outcome {
        if self.passphrase_file.is_some() && Client::is_locked(&self.dir) {
            return Err(Error::Locked { why: "it was locked; `unlock` opens it".into() }.into());
        }
        Ok(())
    }

    /// Opens the profile that is there.
    pub async fn open(&self) -> Outcome<Client> {
        self.refuse_locked()?;
        match Client::open(&self.dir, self.unlock()?, self.platform.clone()).await {
            Err(error) if is_shut(&error) => {
                let unlock = self.ask(error)?;
                Ok(Client::open(&self.dir, unlock, self.platform.clone()).await?)
            }
            other => Ok(other?),
        }
    }

    /// Opens the profile, or makes one.
    pub async fn open_or_create(&self) -> Outcome<Client> {
        self.refuse_locked()?;
        match Client::open_or_create(&self.dir, self.unlock()?, self.platform.clone()).await {
            Err(error) if is_shut(&error) => {
                let unlock = self.ask(error)?;
                Ok(Client::open(&self.dir, unlock, self.platform.clone()).await?)
            }
            other => Ok(other?),
        }
    }

    /// Opens the profile and finds the workspace.
    pub async fn desk(&self) -> Outcome<Desk<'_>> {
        let client = self.open().await?;
        match client.resolve_workspace(self.workspace.as_deref()).await {
            Ok(workspace) => Ok(Desk { place: self, client, workspace }),
            Err(error) => close(client, Err(error.into())).await,
        }
    }

    /// Something that turns while one waits, on a terminal only.
    pub fn progress(&self, doing: &'static str) -> Progress {
        let seen = !self.output.json && std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(
            None,
            if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        bar.set_message(doing);
        if seen {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress(bar)
    }
}

/// Whether secure storage keeps the profile shut, in whatever way.
fn is_shut(error: &Error) -> bool {
    matches!(
        error,
        Error::NoBackend { .. }
            | Error::Locked { .. }
            | Error::Dismissed { .. }
            | Error::KeyMissing
            | Error::WrongKey { .. }
            | Error::Unreachable { .. }
    )
}

/// Something that turns until it is dropped.
#[derive(Debug)]
pub struct Progress(pub ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// An open profile and the workspace that is meant.
pub struct Desk<'a> {
    /// Where the profile is.
    pub place: &'a Place,
    /// The core.
    pub client: Client,
    /// The workspace.
    pub workspace: WorkspaceView,
}

impl fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Desk<'_> {
    /// The workspace's id.
    pub fn ws(&self) -> WorkspaceId {
        self.workspace.id
    }

    /// How results are printed.
    pub fn output(&self) -> Output {
        self.place.output
    }

    /// Connects and catches up. Attempts that fail at once are made for a moment only.
    pub async fn connect(&self) -> thechatapp_core::Result<()> {
        let _turning = self.place.progress("connecting");
        connect(&self.client, self.ws(), self.place.timeout).await
    }

    /// Connects and catches up, waiting as long as one may for a server that is away.
    pub async fn insist(&self) -> thechatapp_core::Result<()> {
        let _turning = self.place.progress("connecting");
        self.client.connect(self.ws(), self.place.timeout).await
    }

    /// Connects and catches up where the server can be reached; else says so and goes on with what is here.
    pub async fn reach(&self) -> Outcome<bool> {
        match self.connect().await {
            Ok(()) => Ok(true),
            Err(Error::Offline { why }) => {
                self.output().remark(&format!("offline ({why}); this is what is on this device"));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A conversation by its name, from what is on this device, else from the server.
    pub async fn channel(&self, name: &str) -> Outcome<ChannelView> {
        match self.client.resolve_channel(self.ws(), name).await {
            Ok(channel) => Ok(channel),
            Err(Error::BadInput { .. } | Error::Offline { .. } | Error::Refused(_)) => {
                self.connect().await?;
                Ok(self.client.resolve_channel(self.ws(), name).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the conversations are called.
    pub async fn names(&self) -> Outcome<Names> {
        Ok(Names::of(&self.client.channels(self.ws(), true).await?))
    }
}

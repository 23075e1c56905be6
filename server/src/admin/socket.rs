//! The way by which commands reach a running server: a socket in its data folder that only its owner may use. One command
//! in, one answer out, each a JSON line; an import sends many.

use super::Command;
use crate::error::{Error, Kind, Result};
use crate::serve::Shared;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest line, in bytes: a batch of imported messages.
#[cfg(unix)]
const LINE_MAX: usize = 32 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Value),
    Error { exit: u8, what: String, why: String, advice: String },
}

fn path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

/// Removes the socket of a server that stops.
pub fn remove(data: &Path) {
    let _ = std::fs::remove_file(path(data));
}

/// Answers commands until the server stops.
///
/// # Errors
/// When the socket cannot be made.
#[cfg(unix)]
pub fn listen(shared: &Arc<Shared>) -> Result<()> {
    let path = path(shared.host.dir());
    // The lock on the data folder is ours, so a socket that is there is left over.
    let _ = std::fs::remove_file(&path);
    let listener = unix::bind(&path)?;
    let (own, stop) = (shared.clone(), shared.draining.clone());
    shared.tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            if let Ok((stream, _)) = accepted {
                let (shared, stop) = (own.clone(), stop.clone());
                own.tasks.spawn(async move {
                    tokio::select! {
                        served = unix::serve(stream, &shared) => {
                            if let Err(why) = served {
                                tracing::warn!(%why, "a command was not answered");
                            }
                        }
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
    });
    Ok(())
}

/// Where there are no such sockets, commands work while the server does not run.
#[cfg(not(unix))]
pub fn listen(_: &Arc<Shared>) -> Result<()> {
    Ok(())
}

/// A connection to a running server.
#[cfg(unix)]
#[derive(Debug)]
pub struct Remote(tokio::io::BufStream<tokio::net::UnixStream>);

/// Never made here.
#[cfg(not(unix))]
#[derive(Debug)]
pub enum Remote {}

impl Remote {
    /// Connects to the server that has this data folder; `None` when none answers.
    #[cfg(unix)]
    pub async fn connect(data: &Path) -> Option<Self> {
        let stream = tokio::net::UnixStream::connect(path(data)).await.ok()?;
        Some(Self(tokio::io::BufStream::new(stream)))
    }

    /// Connects to the server that has this data folder; `None` when none answers.
    #[cfg(not(unix))]
    pub async fn connect(_: &Path) -> Option<Self> {
        None
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The command's own, or unreachable when the server has gone.
    pub async fn call(&mut self, command: &Command) -> Result<Value> {
        let gone = |why: String| Error::new(Kind::Unreachable, "The server did not answer", why, "try again");
        match self.exchange(command).await.map_err(|why| gone(why.to_string()))? {
            Reply::Ok(value) => Ok(value),
            Reply::Error { exit, what, why, advice } => Err(Error::new(Kind::from_exit_code(exit), what, why, advice)),
        }
    }

    #[cfg(unix)]
    async fn exchange(&mut self, command: &Command) -> std::io::Result<Reply> {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.0.write_all(&line).await?;
        self.0.flush().await?;
        let mut answer = Vec::new();
        if self.0.read_until(b'\n', &mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    #[cfg(not(unix))]
    async fn exchange(&mut self, _: &Command) -> std::io::Result<Reply> {
        match *self {}
    }
}

#[cfg(unix)]
mod unix {
    use super::{Command, LINE_MAX, Reply, Result, Shared};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
    use tokio::net::{UnixListener, UnixStream};

    pub fn bind(path: &Path) -> Result<UnixListener> {
        // The folder is the owner's alone, so nobody is quicker than the change of mode.
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    pub async fn serve(stream: UnixStream, shared: &Shared) -> std::io::Result<()> {
        let mut stream = BufStream::new(stream);
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
            if (&mut stream).take(limit).read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let reply = match serde_json::from_slice::<Command>(&line) {
                Ok(command) => match super::super::run(&shared.host, command).await {
                    Ok(value) => Reply::Ok(value),
                    Err(error) => Reply::Error {
                        exit: error.kind.exit_code(),
                        what: error.what,
                        why: error.why,
                        advice: error.advice,
                    },
                },
                Err(why) => Reply::Error {
                    exit: 3,
                    what: "The server does not know this command".into(),
                    why: why.to_string(),
                    advice: "use the program of the same release as the server".into(),
                },
            };
            let mut answer = serde_json::to_vec(&reply)?;
            answer.push(b'\n');
            stream.write_all(&answer).await?;
            stream.flush().await?;
        }
    }
}

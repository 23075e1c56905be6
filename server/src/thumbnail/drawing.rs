//! The process that draws, from outside: started with an empty environment, fed, waited for, and killed.

use super::{LOOSE, MOST, REFUSED};
use crate::error::Fail;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A piece of an opened picture.
pub type Piece = Result<Zeroizing<Vec<u8>>, Fail>;

/// How thumbnails are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// This program.
    pub program: PathBuf,
    /// How much memory the process has, in bytes.
    pub memory: u64,
    /// How many seconds it may compute, and be silent.
    pub seconds: u64,
}

/// Why there is no thumbnail.
#[derive(Debug)]
pub enum Fault {
    /// The picture cannot be drawn, or is too large.
    Refused,
    /// The process ended as it should not, or had to be ended.
    Died(&'static str),
    /// The picture could not be read: that is not its fault.
    Failed(Fail),
}

impl Drawing {
    /// The thumbnail of a picture that comes in pieces.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn draw(&self, mut pieces: mpsc::Receiver<Piece>) -> Result<Vec<u8>, Fault> {
        let mut child = self.start().map_err(|why| Fault::Failed(why.into()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Fault::Died("it has no input and output"));
        };
        let patience = Duration::from_secs(self.seconds);
        let drawn = async {
            feed(stdin, &mut pieces, patience).await?;
            let mut thumbnail = Vec::new();
            let ended = async {
                stdout.take(MOST + 1).read_to_end(&mut thumbnail).await?;
                if thumbnail.len() as u64 > MOST {
                    return Ok(None);
                }
                child.wait().await.map(Some)
            };
            match timeout(patience, ended).await {
                Err(_) => Err(Fault::Died("it took too long")),
                Ok(Ok(None)) => Err(Fault::Died("it wrote too much")),
                Ok(Ok(Some(status))) if status.success() && !thumbnail.is_empty() => Ok(thumbnail),
                Ok(Ok(Some(status))) if status.code() == Some(REFUSED.into()) => Err(Fault::Refused),
                Ok(Ok(Some(status))) if status.code() == Some(LOOSE.into()) => {
                    Err(Fault::Died("it could not confine itself"))
                }
                Ok(_) => Err(Fault::Died("it crashed, or was stopped by its limits")),
            }
        }
        .await;
        end(child).await;
        drawn
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg("thumbnail").args(["--memory", &self.memory.to_string(), "--seconds", &self.seconds.to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        command.spawn()
    }
}

/// Gives it the picture. One that ends before it has all says at its end why.
async fn feed(mut to: ChildStdin, pieces: &mut mpsc::Receiver<Piece>, patience: Duration) -> Result<(), Fault> {
    while let Some(piece) = pieces.recv().await {
        let piece = piece.map_err(Fault::Failed)?;
        match timeout(patience, to.write_all(&piece)).await {
            Err(_) => return Err(Fault::Died("it did not read")),
            Ok(Err(_)) => break,
            Ok(Ok(())) => {}
        }
    }
    Ok(())
}

/// Nothing of it stays, whatever it does.
async fn end(mut child: Child) {
    if let Ok(None) = child.try_wait() {
        let _ = child.kill().await;
    }
}

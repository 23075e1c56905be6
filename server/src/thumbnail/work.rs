//! Thumbnails are made after an upload was acknowledged, of what the database says is due: so a server that was stopped in
//! between goes on, and nobody waits. What fails by the picture is tried once more, and then never again.

use super::{Drawing, Fault};
use crate::blobs::Part;
use crate::error::Fail;
use crate::state::Workspace;
use crate::store::files::thumbs::{self, Due};
use crate::tenants::Host;
use futures_util::StreamExt;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_seal::{Context, OpenReader, seal, sealed_len};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How often it is looked for what came, and how often for what failed by something else than the picture.
const LOOK: Duration = Duration::from_millis(200);
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How many are drawn at once.
const AT_ONCE: usize = 2;
/// How many of one workspace before it is another's turn.
const TURN: u32 = 16;
/// How much of an opened picture is in memory at once, and how many pieces wait.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 2;

/// Makes thumbnails until it is stopped.
pub async fn in_background(host: Arc<Host>, drawing: Drawing, stop: CancellationToken) {
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
        let again = looked.elapsed() >= AGAIN;
        if again {
            looked = Instant::now();
        }
        for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
            if workspace.blobs.take_pictures() || again {
                tokio::select! {
                    () = in_turn(&workspace, &drawing) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

async fn in_turn(workspace: &Arc<Workspace>, drawing: &Drawing) {
    match workspace.draw_thumbnails(drawing, TURN).await {
        Ok(0) => {}
        // There may be more of them.
        Ok(_) => workspace.blobs.picture_came(),
        Err(why) => {
            tracing::error!(workspace = %workspace.id, error = %why.into_body(), "thumbnails wait");
        }
    }
}

impl Workspace {
    /// Makes thumbnails of at most so many pictures that have none yet. The answer is how many were looked at.
    ///
    /// # Errors
    /// When the database, or where files are, fails.
    pub async fn draw_thumbnails(self: &Arc<Self>, drawing: &Drawing, most: u32) -> Result<usize, Fail> {
        let _turn = self.blobs.drawing.lock().await;
        let due = self.look(move |view| thumbs::due(view, most)).await?;
        let count = due.len();
        let done = futures_util::stream::iter(due)
            .map(|due| draw_one(self, drawing, due))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        done.into_iter().collect::<Result<Vec<()>, Fail>>()?;
        Ok(count)
    }
}

async fn draw_one(workspace: &Arc<Workspace>, drawing: &Drawing, due: Due) -> Result<(), Fail> {
    let id = due.row.id;
    if !super::is_picture(&due.row.media_type) || due.row.size > super::LARGEST {
        return workspace.unguarded(move |tx| thumbs::none(tx, id)).await;
    }
    // Whoever has it ends or deletes it.
    let Some(busy) = workspace.blobs.claim(id) else { return Ok(()) };
    let drawn = match pieces(workspace, &due).await {
        Ok(pieces) => drawing.draw(pieces).await,
        Err(why) => Err(Fault::Failed(why)),
    };
    let thumbnail = match drawn {
        Ok(thumbnail) => thumbnail,
        // A picture that is damaged or missing must not be in the way of the others.
        Err(Fault::Failed(why)) if !why.is_not_found() && !matches!(why, Fail::Seal(_)) => return Err(why),
        Err(Fault::Failed(why)) => {
            tracing::error!(workspace = %workspace.id, file = %id, %why, "a picture does not open");
            return workspace.unguarded(move |tx| thumbs::none(tx, id)).await;
        }
        Err(Fault::Refused) => return workspace.unguarded(move |tx| thumbs::none(tx, id)).await,
        Err(Fault::Died(why)) => {
            tracing::warn!(workspace = %workspace.id, file = %id, why, "a picture has no thumbnail");
            workspace.blobs.picture_came();
            return workspace.unguarded(move |tx| thumbs::failed(tx, id)).await;
        }
    };
    let context = Context::thumbnail(workspace.id.as_bytes(), id.as_bytes());
    let size = thumbnail.len() as u64;
    workspace.blobs.keep_thumbnail(id, seal(&due.key, &context, &thumbnail)?).await?;
    let there = workspace.unguarded(move |tx| thumbs::made(tx, id, size)).await?;
    drop(busy);
    if !there {
        // It was removed meanwhile; if this is not reached, the sweep of removed files does it.
        workspace.blobs.delete(&[id]).await?;
    }
    Ok(())
}

/// What is not genuine, apart from what cannot be read.
fn unread(why: std::io::Error) -> Fail {
    match why.downcast::<thechatapp_seal::Error>() {
        Ok(why) => Fail::Seal(why),
        Err(why) => Fail::File(why),
    }
}

/// The opened picture, piece by piece.
async fn pieces(workspace: &Workspace, due: &Due) -> Result<mpsc::Receiver<super::drawing::Piece>, Fail> {
    let id = due.row.id;
    let sealed = workspace.blobs.open(id, Part::Body, sealed_len(due.row.size)).await?.reader().await?;
    let (key, context) = (due.key.clone(), Context::file(workspace.id.as_bytes(), id.as_bytes()));
    let (to, pieces) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut opened = match OpenReader::new(sealed, &key, &context) {
            Ok(opened) => opened,
            Err(why) => return drop(to.blocking_send(Err(unread(why.into())))),
        };
        loop {
            // Allocated once: growing would leave content behind in memory.
            let mut piece = Zeroizing::new(Vec::with_capacity(PIECE));
            let read = opened.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            let piece = match read {
                Ok(0) => return,
                Ok(_) => Ok(piece),
                Err(why) => Err(unread(why)),
            };
            let last = piece.is_err();
            if to.blocking_send(piece).is_err() || last {
                return;
            }
        }
    });
    Ok(pieces)
}

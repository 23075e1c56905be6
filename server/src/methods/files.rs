//! Files.

use super::Handle;
use crate::blobs::{self, Allowed, Busy, Verdict};
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::{View, devices, files};
use crate::thumbnail;
use std::sync::Arc;
use std::time::Instant;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileGrant, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
    UploadGrant,
};
use thechatapp_protocol::{Method, Scope};
use thechatapp_seal::{Context, Key, sealed_len};

impl Handle for BeginUpload {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: BeginUploadParams) -> Result<UploadGrant, Fail> {
        let scope = Self::scope(&params);
        let BeginUploadParams { file, channel, name, media_type, size } = params;
        let row = FileRow { id: file, name, media_type, size };
        blobs::check_name(&row)?;
        let limits = workspace.blobs.limits();
        let (whole, key) = workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                let whole = files::begin(tx, permit.channel()?, permit.person(), limits, &row)?;
                files::touch(tx, row.id)?;
                Ok((whole, signing_key(tx.view(), caller)?))
            })
            .await?;
        let total = sealed_len(size);
        let allowed = Allowed { caller, channel, file, upload: Some(total) };
        let token = workspace.blobs.tokens.mint(allowed, key, Instant::now())?;
        let offset = if whole { total } else { workspace.blobs.uploaded(file)? };
        Ok(UploadGrant { token, offset })
    }
}

impl Handle for FinishUpload {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: FinishUploadParams) -> Result<FileRow, Fail> {
        let (scope, file) = (Self::scope(&params), params.file);
        let key = Key::try_from(params.key.0.as_slice())?;
        let known = workspace
            .read::<Self, _>(caller, scope, move |view, permit| {
                let (channel, person) = (permit.channel()?, permit.person());
                match files::find(view, channel, file)? {
                    Some(known) if known.person == person => Ok(known),
                    Some(_) => Err(Fail::not_found("No such file")),
                    None => Err(files::why_removed(view, channel, person, file)?),
                }
            })
            .await?;
        if known.whole {
            return Ok(known.row);
        }
        let Some(busy) = workspace.blobs.claim(file) else {
            return Err(Fail::busy("This upload does not end yet", "it is still being written, or being ended"));
        };
        // What goes into a bucket may take its time, and goes on when the session has broken meanwhile.
        tokio::spawn(end(workspace, caller, scope, known.row, key, busy))
            .await
            .map_err(|_| Fail::Broken("the end of an upload broke off"))?
    }
}

/// Looks at an upload, keeps it, and says so in the database. Broken off anywhere it is as it was, or whole.
async fn end(
    workspace: Arc<Workspace>,
    caller: Caller,
    scope: Scope,
    declared: FileRow,
    key: Key,
    busy: Busy,
) -> Result<FileRow, Fail> {
    let file = declared.id;
    let (place, wrapped) = (workspace.clone(), key.clone());
    let looked_at = tokio::task::spawn_blocking(move || {
        let context = Context::file(place.id.as_bytes(), file.as_bytes());
        let sealed = place.blobs.read_upload(file)?;
        let mut row = blobs::look_at(&sealed, &key, &context, &declared)?;
        match blobs::judge(&sealed, &key, &context)? {
            Verdict::Fine => {}
            Verdict::Unclear => blobs::UNKNOWN.clone_into(&mut row.media_type),
            Verdict::Dangerous(danger, why) => return Ok(Err((danger, why))),
        }
        Ok::<_, Fail>(Ok(row))
    })
    .await
    .map_err(|_| Fail::Broken("the check of a file ended"))??;
    if looked_at.is_ok() {
        workspace.blobs.keep(file).await?;
    }
    let looked_at = workspace
        .write::<FinishUpload, _>(caller, scope, move |tx, permit| {
            let channel = permit.channel()?;
            match &looked_at {
                Ok(row) => files::finish(tx, channel, row, &wrapped)?,
                Err((danger, _)) => files::refuse(tx, channel, file, *danger)?,
            }
            Ok(looked_at)
        })
        .await?;
    match looked_at {
        Ok(row) => {
            workspace.blobs.kept(file).await;
            drop(busy);
            if thumbnail::is_picture(&row.media_type) {
                workspace.blobs.picture_came();
            }
            Ok(row)
        }
        Err((_, why)) => {
            drop(busy);
            // If this is not reached, the sweep of removed files does it.
            workspace.blobs.delete(&[file]).await?;
            Err(blobs::refusal(why))
        }
    }
}

impl Handle for OpenFile {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OpenFileParams) -> Result<FileGrant, Fail> {
        let OpenFileParams { channel, file, part } = params;
        let (row, key, thumbnail, proves) = workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let (row, key) = files::open(view, permit.channel()?, permit.person(), file)?;
                Ok((row, key, files::thumbs::size(view, file)?, signing_key(view, caller)?))
            })
            .await?;
        let allowed = Allowed { caller, channel, file, upload: None };
        let token = workspace.blobs.tokens.mint(allowed, proves, Instant::now())?;
        let header = if part { Some(workspace.blobs.header(file, sealed_len(row.size)).await?) } else { None };
        Ok(FileGrant { file: row, key: FileKey(key.expose().to_vec()), token, header, thumbnail })
    }
}

/// What the requests of the caller's device are signed with.
fn signing_key(view: View<'_>, caller: Caller) -> Result<[u8; 32], Fail> {
    devices::signing_key(view, caller.device)?.ok_or_else(Fail::signed_out)
}

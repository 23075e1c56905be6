//! Files.

use super::Handle;
use crate::blobs::{self, Allowed, Verdict};
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::{devices, files};
use std::sync::Arc;
use std::time::Instant;
use thechatapp_protocol::Method;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileGrant, FileKey, FileToken, FinishUpload, FinishUploadParams, OpenFile,
    OpenFileParams, UploadGrant,
};
use thechatapp_seal::{Context, Key, sealed_len};

impl Handle for BeginUpload {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: BeginUploadParams) -> Result<UploadGrant, Fail> {
        let scope = Self::scope(&params);
        let BeginUploadParams { file, channel, name, media_type, size } = params;
        let row = FileRow { id: file, name, media_type, size };
        blobs::check_name(&row)?;
        let limits = workspace.blobs.limits();
        workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                files::begin(tx, permit.channel()?, permit.person(), limits, &row)?;
                files::touch(tx, row.id)
            })
            .await?;
        let token = mint(&workspace, Allowed { caller, channel, file, upload: Some(sealed_len(size)) }).await?;
        Ok(UploadGrant { token, offset: workspace.blobs.uploaded(file)? })
    }
}

impl Handle for FinishUpload {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: FinishUploadParams) -> Result<FileRow, Fail> {
        let (scope, file) = (Self::scope(&params), params.file);
        let key = Key::try_from(params.key.0.as_slice())?;
        let known = workspace
            .read::<Self, _>(caller, scope, move |view, permit| {
                let known = files::find(view, permit.channel()?, file)?;
                known.filter(|known| known.person == permit.person()).ok_or_else(|| Fail::not_found("No such file"))
            })
            .await?;
        if known.whole {
            return Ok(known.row);
        }
        let Some(busy) = workspace.blobs.claim(file) else {
            return Err(Fail::bad_input("This upload cannot end yet", "it is still being written", "try again"));
        };
        let (place, wrapped) = (workspace.clone(), key.clone());
        let looked_at = tokio::task::spawn_blocking(move || {
            // Held until the file has its name.
            let _busy = busy;
            let context = Context::file(place.id.as_bytes(), file.as_bytes());
            let sealed = place.blobs.read_upload(file)?;
            let mut row = blobs::look_at(&sealed, &key, &context, &known.row)?;
            match blobs::judge(&sealed, &key, &context)? {
                Verdict::Fine => {}
                Verdict::Unclear => blobs::UNKNOWN.clone_into(&mut row.media_type),
                Verdict::Dangerous(why) => return Ok(Err(why)),
            }
            place.blobs.keep(file)?;
            Ok::<_, Fail>(Ok(row))
        })
        .await
        .map_err(|_| Fail::Broken("the check of a file ended"))??;
        let looked_at = workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                let channel = permit.channel()?;
                match &looked_at {
                    Ok(row) => files::finish(tx, channel, row, &wrapped)?,
                    Err(_) => files::refuse(tx, channel, file)?,
                }
                Ok(looked_at)
            })
            .await?;
        match looked_at {
            Ok(row) => Ok(row),
            Err(why) => {
                // If this is not reached, the sweep of removed files does it.
                workspace.blobs.delete(&[file])?;
                Err(blobs::refusal(why))
            }
        }
    }
}

impl Handle for OpenFile {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OpenFileParams) -> Result<FileGrant, Fail> {
        let OpenFileParams { channel, file, part } = params;
        let (row, key) = workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                files::open(view, permit.channel()?, permit.person(), file)
            })
            .await?;
        let token = mint(&workspace, Allowed { caller, channel, file, upload: None }).await?;
        let header = if part { Some(workspace.blobs.header(file)?.to_vec()) } else { None };
        Ok(FileGrant { file: row, key: FileKey(key.expose().to_vec()), token, header })
    }
}

async fn mint(workspace: &Workspace, allowed: Allowed) -> Result<FileToken, Fail> {
    let device = allowed.caller.device;
    let key = workspace.look(move |view| devices::signing_key(view, device)).await?.ok_or_else(Fail::signed_out)?;
    workspace.blobs.tokens.mint(allowed, key, Instant::now())
}

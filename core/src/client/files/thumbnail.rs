//! Thumbnails: fetched once, opened, and kept in the sealed cache.

use super::sealing::{key_of, unopened};
use super::transfer::Tries;
use crate::client::Client;
use crate::error::{Error, Result};
use futures_util::TryStreamExt;
use thechatapp_protocol::methods::files::OpenFileParams;
use thechatapp_protocol::{FileId, WorkspaceId};
use thechatapp_seal::{Context, open, sealed_len};

/// No server makes larger ones.
const MOST: u64 = 2 << 20;

impl Client {
    /// The thumbnail of a picture that a message on this device has, as JPEG or PNG: from this device if it was here
    /// before. `None` for a file that has none, or none yet.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a file that is not known; [`Error::Offline`]; [`Error::NotGenuine`] for what is not genuine.
    pub async fn thumbnail(&self, ws: WorkspaceId, file: FileId) -> Result<Option<Vec<u8>>> {
        let (workspace, channel) = self.channel_of_file(ws, file).await?;
        if let Some(here) = workspace.cache.thumbnail(file).await? {
            return Ok(Some(here));
        }
        let mut tries = Tries::default();
        let sealed = loop {
            let grant = tries.grant(&workspace, OpenFileParams { channel, file, part: false }).await?;
            let Some(size) = grant.thumbnail.filter(|size| *size <= MOST) else { return Ok(None) };
            let account = workspace.account();
            let remote = workspace.remote(&account, file, grant.token)?.of_thumbnail();
            let length = sealed_len(size);
            let came = match remote.fetch(0, length).await {
                Ok(Some(pieces)) => pieces.try_collect::<bytes::BytesMut>().await,
                Ok(None) => Err(Error::Offline { why: "the server did not give it".into() }),
                Err(why) => Err(why),
            };
            match came {
                Ok(sealed) if sealed.len() as u64 == length => break (sealed, key_of(&grant.key.0)?),
                Ok(_) => tries.again(Error::Offline { why: "it came in part only".into() }).await?,
                Err(why) => tries.again(why).await?,
            }
        };
        let (sealed, key) = sealed;
        let context = Context::thumbnail(ws.as_bytes(), file.as_bytes());
        let picture = open(&key, &context, &sealed).map_err(unopened)?.to_vec();
        workspace.cache.keep_thumbnail(file, self.now(), picture.clone()).await?;
        Ok(Some(picture))
    }
}

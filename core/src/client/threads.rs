//! What belongs to one message: its former texts.

use super::Client;
use crate::error::Result;
use crate::view::VersionView;
use thechatapp_protocol::methods::messages::{Edits, EditsParams};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};

impl Client {
    /// Every text a message had, oldest first, the present one last. They are asked for and not kept on this device.
    ///
    /// # Errors
    /// [`Error::Offline`](crate::Error::Offline), [`Error::Refused`](crate::Error::Refused).
    pub async fn history(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<Vec<VersionView>> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page = session.call::<Edits>(&EditsParams { channel, id, from }).await?;
            // A server that says "more" and gives nothing further would be asked forever.
            let next = page.versions.last().map(|version| version.revision + 1).filter(|next| *next > from);
            for version in page.versions {
                let by = workspace.cache.person(version.by).await?;
                all.push(VersionView { revision: version.revision, text: version.text, by, at: version.at });
            }
            match next {
                Some(next) if page.more => from = next,
                _ => return Ok(all),
            }
        }
    }
}

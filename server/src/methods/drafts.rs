//! Drafts.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::drafts;
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::methods::drafts::{DraftPut, PutDraft, PutDraftParams};

impl Handle for PutDraft {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: PutDraftParams) -> Result<DraftPut, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                drafts::put(tx, permit.channel()?, permit.person(), &params)
            })
            .await
    }
}

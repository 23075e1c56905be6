//! What people keep for themselves.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::saved;
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::saved::{ListSaved, ListSavedParams, Save, SaveParams, Saved, SavedPage, Unsave};

impl Handle for Save {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: SaveParams) -> Result<Saved, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                saved::save(tx, permit.channel()?, permit.message()?, permit.person(), params.note.as_deref())
            })
            .await
    }
}

impl Handle for Unsave {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                saved::remove(tx, permit.message()?, permit.person())
            })
            .await?;
        Ok(Nothing {})
    }
}

impl Handle for ListSaved {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListSavedParams) -> Result<SavedPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                saved::list(view, permit.person(), &params)
            })
            .await
    }
}

//! What is pinned for the server, and accepting another identity deliberately.

use crate::args::IdentityAction;
use crate::output::Outcome;
use crate::run::{Desk, connect};
use crate::shape::{Identity, identity_text};
use std::time::Duration;
use thechatapp_core::view::IdentityView;

/// How long the server may take to show its identity; what is pinned is known without it.
const LOOK: Duration = Duration::from_secs(5);

/// `identity`, `identity accept PIN`.
pub async fn identity(desk: &Desk<'_>, action: Option<IdentityAction>) -> Outcome {
    // The state of the connection is no fault here: what the server shows now is what this command is for.
    let _ = connect(&desk.client, desk.ws(), LOOK.min(desk.place.timeout)).await;
    let identity: IdentityView = match action {
        None => desk.client.identity(desk.ws()).await?,
        Some(IdentityAction::Accept { pin }) => desk.client.accept_identity(desk.ws(), &pin).await?,
    };
    desk.output().show(&Identity::new(&identity), || identity_text(&identity))
}

//! What is pinned, and going on with another identity on purpose.

use super::Client;
use crate::error::{Error, Result};
use crate::fault;
use crate::local::Account;
use crate::net;
use crate::trust::{Next, Stop};
use crate::view::{DeviceView, IdentityStepView, IdentityView, ShownIdentityView};
use qrcode::QrCode;
use qrcode::render::svg;
use thechatapp_protocol::WorkspaceId;
use thechatapp_protocol::identity::{Candidate, Pin, SignedDocument, Unverified};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::ListDevices;

impl Client {
    /// What is pinned for a workspace.
    ///
    /// # Errors
    /// [`Error::BadInput`] for one that is not here.
    pub async fn identity(&self, ws: WorkspaceId) -> Result<IdentityView> {
        view(&self.workspace(ws)?.account())
    }

    /// Trusts the identity that a server shows in place of the one that is known, because a person compared it.
    ///
    /// # Errors
    /// [`Error::BadInput`] when what was typed is another's, or when the server shows no other.
    pub async fn accept_identity(&self, ws: WorkspaceId, pin_or_first_two_words: &str) -> Result<IdentityView> {
        let workspace = self.workspace(ws)?;
        let account = workspace.account();
        let now = self.now();
        let shown = match &account.shown {
            Some((document, _)) => {
                let signed = SignedDocument::decode(document)?;
                Unverified::new(signed).verify_self(now.unix_seconds())?
            }
            None => unannounced(&self.0.shared.router, &account, now).await?,
        };
        let known = account.known.accept(shown, pin_or_first_two_words, now)?;
        workspace.accept(known).await?;
        self.identity(ws).await
    }

    /// One's own devices and browsers.
    ///
    /// # Errors
    /// [`Error::Offline`].
    pub async fn devices(&self, ws: WorkspaceId) -> Result<Vec<DeviceView>> {
        let reply = self.workspace(ws)?.session()?.call::<ListDevices>(&Nothing {}).await?;
        Ok(reply.devices.into_iter().map(DeviceView::from).collect())
    }
}

async fn unannounced(
    router: &net::Router,
    account: &Account,
    now: thechatapp_protocol::Timestamp,
) -> Result<Candidate> {
    let fetched = net::fetch_identity(router, &account.url, Some(&account.short), None).await?;
    match account.known.next(fetched, now) {
        Err(Stop::Unannounced(shown)) => Ok(*shown),
        Err(stop) => Err(stop.into()),
        Ok(Next::Same | Next::Advanced { .. }) => Err(Error::bad_input(
            "there is nothing to accept",
            "the server shows the identity that is known, or one that it announced",
        )),
    }
}

fn view(account: &Account) -> Result<IdentityView> {
    let known = &account.known;
    let pin = known.pin();
    let shown = account.shown.as_ref().and_then(|(document, at)| {
        let pin = super::pin_of(document, *at)?;
        Some(ShownIdentityView { pin: pin.to_string(), words: pin.words(), at: *at })
    });
    Ok(IdentityView {
        workspace: account.short.clone(),
        url: account.url.clone(),
        pin: pin.to_string(),
        words: pin.words(),
        qr: qr(&pin)?,
        since: known.since,
        source: known.source.name().into(),
        epoch: known.verified.document().epoch,
        shown,
        history: known
            .history
            .iter()
            .map(|step| IdentityStepView {
                at: step.at,
                what: step.what.name().into(),
                pin: step.pin.to_string(),
                words: step.pin.words(),
            })
            .collect(),
    })
}

/// A pin as a QR code, an SVG image.
pub(super) fn qr(pin: &Pin) -> Result<String> {
    qr_of(&pin.to_string())
}

/// A text as a QR code, an SVG image.
pub(super) fn qr_of(text: &str) -> Result<String> {
    let code = QrCode::new(text).map_err(fault::internal)?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(200, 200).quiet_zone(true).build())
}

//! The ways into a profile.

use crate::args::{KeyAction, KeyPlace, Way};
use crate::output::{Failure, Outcome};
use crate::run::{Place, close};
use crate::secrets::{from_file_or_person, new_from_file_or_person};
use serde::Serialize;
use std::path::{Path, PathBuf};
use thechatapp_core::view::{UnsentView, WaysView};
use thechatapp_core::{Client, Error, Unlock};
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Code<'a> {
    code: &'a str,
}

/// `key`.
pub async fn key(place: &Place, action: KeyAction) -> Outcome {
    match action {
        KeyAction::SetAside { yes } => set_aside(place, yes).await,
        KeyAction::Restore { code_file, new_passphrase_file } => {
            let code = from_file_or_person(code_file.as_deref(), "recovery code", "--code-file")?;
            let into = match new_passphrase_file {
                Some(file) => Unlock::Passphrase(passphrase(Some(&file))?),
                None => Unlock::SecureStorage,
            };
            let client = Client::restore_with_code(&place.dir, &code, into, place.platform.clone()).await?;
            let ways = client.ways();
            close(client, Ok(())).await?;
            show(place, &ways)
        }
        KeyAction::RecoveryCode => {
            let client = place.open().await?;
            // Shown before anything else can fail: an older one opens nothing any more.
            let shown = match client.make_recovery_code().await {
                Ok(code) => place.output.show(&Code { code: &code }, || {
                    format!("{code}\nKeep it where this device is not. It is not shown again.")
                }),
                Err(why) => Err(why.into()),
            };
            close(client, shown).await
        }
        action => {
            let client = place.open().await?;
            let outcome = change(&client, action).await;
            let ways = client.ways();
            close(client, outcome).await?;
            show(place, &ways)
        }
    }
}

#[derive(Serialize)]
struct SetAside {
    folder: PathBuf,
    /// Nothing where they could not be counted.
    messages: Option<u64>,
    drafts: Option<u64>,
}

/// `key set-aside`: only with a yes, after it was said what stays behind.
async fn set_aside(place: &Place, yes: bool) -> Outcome {
    let unsent = unsent(place).await?;
    let behind = match unsent {
        Some(UnsentView { messages, drafts }) => format!("messages that wait to be sent: {messages}, drafts: {drafts}"),
        None => "messages that wait to be sent and drafts, which cannot be counted while it does not open".to_owned(),
    };
    if !yes {
        return Err(Failure::Usage {
            what: "nothing was set aside yet".into(),
            why: format!(
                "what no server has stays behind in {} ({behind}); give --yes when it is meant",
                place.dir.join("set-aside").display()
            ),
        });
    }
    let folder = Client::set_aside(&place.dir).await?;
    let shown = SetAside {
        folder: folder.clone(),
        messages: unsent.map(|unsent| unsent.messages),
        drafts: unsent.map(|unsent| unsent.drafts),
    };
    place.output.show(&shown, || {
        let folder = folder.display();
        format!(
            "set aside in {folder}; left in it: {behind}\nOnce its key is back, or with its recovery code \
             (`--profile {folder} key restore`), `--profile {folder} drafts` shows the drafts, and `--profile {folder} sign-out` \
             sends what waits before it ends that device."
        )
    })
}

/// What would stay behind, as far as the profile opens.
async fn unsent(place: &Place) -> Outcome<Option<UnsentView>> {
    match place.open().await {
        Ok(client) => {
            let counted = client.unsent().await.ok();
            // A file that cannot be closed cleanly is perhaps why it is set aside.
            let _ = client.close().await;
            Ok(counted)
        }
        Err(failure @ (Failure::Core(Error::Busy | Error::BadInput { .. }) | Failure::Usage { .. })) => Err(failure),
        Err(_) => Ok(None),
    }
}

async fn change(client: &Client, action: KeyAction) -> Outcome {
    match action {
        KeyAction::Show | KeyAction::RecoveryCode | KeyAction::Restore { .. } | KeyAction::SetAside { .. } => {}
        KeyAction::Passphrase { new_passphrase_file } => {
            client.set_passphrase(passphrase(new_passphrase_file.as_deref())?).await?;
        }
        KeyAction::Renew => client.renew_keys().await?,
        KeyAction::Drop { way: Way::Passphrase } => client.drop_way("passphrase")?,
        KeyAction::Drop { way: Way::Recovery } => client.drop_way("recovery")?,
        KeyAction::Move { to: KeyPlace::SecretStore, .. } => client.move_to_secure_storage().await?,
        KeyAction::Move { to: KeyPlace::Passphrase, new_passphrase_file } => {
            client.move_to_passphrase(passphrase(new_passphrase_file.as_deref())?).await?;
        }
    }
    Ok(())
}

fn passphrase(file: Option<&Path>) -> Outcome<Zeroizing<String>> {
    new_from_file_or_person(file, "passphrase", "--new-passphrase-file")
}

fn show(place: &Place, ways: &WaysView) -> Outcome {
    place.output.show(ways, || {
        let mut others = Vec::new();
        if ways.passphrase && ways.backend != "passphrase" {
            others.push("a passphrase");
        }
        if ways.recovery {
            others.push("a recovery code");
        }
        match others.is_empty() {
            true => format!("opened by {}, and by nothing else", ways.backend),
            false => format!("opened by {}, and by {}", ways.backend, others.join(" and ")),
        }
    })
}

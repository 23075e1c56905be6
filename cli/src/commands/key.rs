//! The ways into a profile.

use crate::args::{KeyAction, KeyPlace, Way};
use crate::output::Outcome;
use crate::run::{Place, close};
use crate::secrets::{from_file_or_person, new_from_file_or_person};
use serde::Serialize;
use std::path::Path;
use thechatapp_core::Client;
use thechatapp_core::view::WaysView;
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Code<'a> {
    code: &'a str,
}

/// `key`.
pub async fn key(place: &Place, action: KeyAction) -> Outcome {
    match action {
        KeyAction::Restore { code_file } => {
            let code = from_file_or_person(code_file.as_deref(), "recovery code", "--code-file")?;
            let client = Client::restore_with_code(&place.dir, &code, place.platform.clone()).await?;
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

async fn change(client: &Client, action: KeyAction) -> Outcome {
    match action {
        KeyAction::Show | KeyAction::RecoveryCode | KeyAction::Restore { .. } => {}
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

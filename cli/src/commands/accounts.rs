//! Accounts: one's own, and for administrators those of others.

use super::account::with_code;
use crate::args::{AccountCommand, Code, Content, Proof, Totp};
use crate::output::{Failure, Outcome, line};
use crate::run::Desk;
use crate::secrets;
use crate::shape::{Account, Invited, Reset, account_text, minute};
use serde::Serialize;
use thechatapp_core::AccountId;

#[derive(Serialize)]
struct Done<'a> {
    account: AccountId,
    done: &'a str,
}

#[derive(Serialize)]
struct Confirmed {
    fresh_seconds: u64,
}

#[derive(Serialize)]
struct Secret<'a> {
    secret: &'a str,
    uri: &'a str,
}

#[derive(Serialize)]
struct Codes<'a> {
    recovery_codes: &'a [String],
}

/// `account ...`.
pub async fn account(desk: &Desk<'_>, command: AccountCommand) -> Outcome {
    // Before anything is connected: nobody waits for what is missing.
    if let AccountCommand::Delete { yes: false, .. } = command {
        return Err(Failure::Usage {
            what: "nobody was deleted".into(),
            why: "this ends an account for good; give --yes when it is meant".into(),
        });
    }
    desk.connect().await?;
    let (ws, client) = (desk.ws(), &desk.client);
    match command {
        AccountCommand::Show { person } => {
            let person = match person {
                Some(name) => Some(client.resolve_person(ws, &name).await?),
                None => None,
            };
            let account = client.account(ws, person).await?;
            desk.output().show(&Account::new(&account), || account_text(&account))
        }
        AccountCommand::Confirm(proof) => {
            let Proof { password_file, code_file } = proof;
            let password = secrets::from_file_or_person(password_file.as_deref(), "password", "--password-file")?;
            let confirm = async |code: Option<String>| client.confirm(ws, &password, code.as_deref()).await;
            let fresh_seconds = with_code(code_file.as_deref(), confirm).await?;
            desk.output().show(&Confirmed { fresh_seconds }, || format!("confirmed for {} minutes", fresh_seconds / 60))
        }
        AccountCommand::Password { proof, new_password_file, sign_out_others } => {
            let Proof { password_file, code_file } = proof;
            let old = secrets::from_file_or_person(password_file.as_deref(), "password", "--password-file")?;
            let option = "--new-password-file";
            let new = secrets::from_file_or_person(new_password_file.as_deref(), "new password", option)?;
            let change = async |code: Option<String>| {
                client.change_password(ws, &old, &new, code.as_deref(), sign_out_others).await
            };
            with_code(code_file.as_deref(), change).await?;
            done(desk, desk.workspace.me.id, "password changed")
        }
        AccountCommand::Totp(totp) => second_factor(desk, totp).await,
        AccountCommand::Invite { name, rank, channels } => {
            let mut ids = Vec::new();
            for channel in &channels {
                ids.push(desk.channel(channel).await?.id);
            }
            let invite = client.invite(ws, name.as_deref(), &rank, ids).await?;
            desk.output().show(&Invited::new(&invite), || {
                format!("{}\nGood once, until {}", invite.invite, minute(invite.expires))
            })
        }
        AccountCommand::Rank { person, rank } => super::rights::rank(desk, &person, &rank).await,
        AccountCommand::Suspend { person } => {
            let person = client.resolve_person(ws, &person).await?;
            client.suspend(ws, person).await?;
            done(desk, person, "suspended")
        }
        AccountCommand::Reinstate { person } => {
            let person = client.resolve_person(ws, &person).await?;
            client.reinstate(ws, person).await?;
            done(desk, person, "reinstated")
        }
        AccountCommand::Delete { person, content, .. } => {
            let person = client.resolve_person(ws, &person).await?;
            client.delete_person(ws, person, content.map(|content| content == Content::Remove)).await?;
            done(desk, person, "deleted")
        }
        AccountCommand::Reset { person } => {
            let person = client.resolve_person(ws, &person).await?;
            let reset = client.issue_reset(ws, person).await?;
            desk.output()
                .show(&Reset::new(&reset), || format!("{}\nGood once, until {}", reset.code, minute(reset.expires)))
        }
        AccountCommand::Unlock { person } => {
            let person = client.resolve_person(ws, &person).await?;
            client.unlock(ws, person).await?;
            done(desk, person, "unlocked")
        }
    }
}

async fn second_factor(desk: &Desk<'_>, totp: Totp) -> Outcome {
    let (ws, client) = (desk.ws(), &desk.client);
    let code = |code: Code| secrets::from_file_or_person(code.code_file.as_deref(), "code", "--code-file");
    match totp {
        Totp::Begin => {
            let made = client.begin_totp(ws).await?;
            desk.output().show(&Secret { secret: &made.secret, uri: &made.uri }, || {
                format!(
                    "Give this to an authenticator, then a code of it to `account totp finish`:\n  {}\n  {}",
                    made.secret,
                    line(&made.uri)
                )
            })
        }
        Totp::Finish(shown) => {
            let codes = client.finish_totp(ws, &code(shown)?).await?;
            desk.output().show(&Codes { recovery_codes: &codes }, || {
                format!(
                    "The second factor is asked for from now on. Keep these; each stands in for it once:\n  {}",
                    codes.join("\n  ")
                )
            })
        }
        Totp::End(shown) => {
            client.end_totp(ws, &code(shown)?).await?;
            done(desk, desk.workspace.me.id, "second factor ended")
        }
        Totp::Remove { person } => {
            let person = client.resolve_person(ws, &person).await?;
            client.remove_totp(ws, person).await?;
            done(desk, person, "second factor removed")
        }
    }
}

fn done(desk: &Desk<'_>, account: AccountId, done: &str) -> Outcome {
    desk.output().show(&Done { account, done }, || done.to_owned())
}

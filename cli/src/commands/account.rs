//! First contact, signing in and out, and who one is.

use crate::args::{Join, Login};
use crate::output::{Failure, Outcome, line};
use crate::run::{Desk, Place, close, connect};
use crate::secrets;
use crate::shape::{Joined, Person, Whoami};
use serde::Serialize;
use std::path::Path;
use thechatapp_core::view::{IdentityView, WorkspaceView};
use thechatapp_core::{Client, Code, Error, SignIn};

#[cfg(test)]
mod tests;

/// `join INVITE`.
pub async fn join(place: &Place, join: Join) -> Outcome {
    let Join { invite, name, password_file, trust_pin, url } = join;
    let invite = match url {
        Some(url) => elsewhere(&invite, &url)?,
        None => invite,
    };
    let password = secrets::from_file_or_person(password_file.as_deref(), "password", "--password-file")?;
    let client = place.open_or_create().await?;
    let outcome = async {
        let workspace = {
            let _turning = place.progress("joining");
            client.join(&invite, &name, &password, trust_pin.as_deref()).await?
        };
        greet(place, &client, &workspace).await
    }
    .await;
    close(client, outcome).await
}

/// `login URL`.
pub async fn login(place: &Place, login: Login) -> Outcome {
    let Login { url, name, password_file, code_file, reset_file, trust_pin } = login;
    let reset = reset_file.map(|path| secrets::first_line(&path, "reset code")).transpose()?;
    let what = if reset.is_some() { "new password" } else { "password" };
    let password = secrets::from_file_or_person(password_file.as_deref(), what, "--password-file")?;
    let client = place.open_or_create().await?;
    let outcome = async {
        let sign_in = async |code: Option<String>| {
            let (password, reset) = (password.clone(), reset.as_ref().map(|reset| reset.to_string()));
            let sign_in = SignIn { name: name.clone(), password, code, reset };
            let _turning = place.progress("signing in");
            client.sign_in(&url, place.workspace.as_deref(), sign_in, trust_pin.as_deref()).await
        };
        let workspace = with_code(code_file.as_deref(), sign_in).await?;
        greet(place, &client, &workspace).await
    }
    .await;
    close(client, outcome).await
}

/// Does what may want the code of a second factor: the one in the file; else without one, and where that is not enough, the one
/// that the person at the terminal types.
pub async fn with_code<T>(
    file: Option<&Path>,
    attempt: impl AsyncFn(Option<String>) -> thechatapp_core::Result<T>,
) -> Outcome<T> {
    let given = file.map(|path| secrets::first_line(path, "code")).transpose()?;
    let first = attempt(given.as_ref().map(|code| code.to_string())).await;
    match first {
        Err(Error::Refused(body)) if body.code == Code::SecondFactor && given.is_none() && secrets::can_ask() => {
            let code = secrets::ask("code of the second factor")?;
            Ok(attempt(Some(code.to_string())).await?)
        }
        other => Ok(other?),
    }
}

/// Catches up once, so that what is said from now on is news to `watch`, and says where one is.
async fn greet(place: &Place, client: &Client, workspace: &WorkspaceView) -> Outcome {
    {
        let _turning = place.progress("catching up");
        match connect(client, workspace.id, place.timeout).await {
            // The account is made and the device enrolled; the rest comes with the next connection.
            Ok(()) | Err(Error::Offline { .. }) => {}
            Err(Error::Refused(body)) if body.code.is_closed() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let identity: IdentityView = client.identity(workspace.id).await?;
    place.output.show(&Joined::new(workspace, &identity), || {
        format!(
            "{} at {} as {}\nThe server's identity: {}",
            line(&workspace.workspace),
            line(&workspace.url),
            line(&workspace.me.name),
            identity.words
        )
    })
}

/// An invite with its server's address replaced; workspace, pin and code stay as they are.
fn elsewhere(invite: &str, url: &str) -> Outcome<String> {
    let Some((_, rest)) = invite.trim().split_once("/join/") else {
        return Err(Error::bad_input("this is no invite", "its path is not /join/ and a workspace").into());
    };
    Ok(format!("{}/join/{rest}", url.trim().trim_end_matches('/')))
}

/// `people`.
pub async fn people(desk: &Desk<'_>) -> Outcome {
    desk.reach().await?;
    let shapes: Vec<_> = desk.client.people(desk.ws()).await?.iter().map(Person::new).collect();
    desk.output().show(&shapes, || shapes.iter().map(Person::text).collect::<Vec<_>>().join("\n"))
}

/// `whoami`.
pub fn whoami(desk: &Desk<'_>) -> Outcome {
    let workspace = &desk.workspace;
    desk.output().show(&Whoami::new(workspace), || {
        format!("{} in {} at {}", line(&workspace.me.name), line(&workspace.workspace), line(&workspace.url))
    })
}

#[derive(Serialize)]
struct SignedOut {
    workspace: String,
    told: bool,
    wiped: bool,
}

/// `sign-out`. The server is told where it can be reached. What waits to be sent is lost only on `--wipe`.
pub async fn sign_out(place: &Place, wipe: bool) -> Outcome {
    let desk = place.desk().await?;
    let told = desk.connect().await.is_ok();
    let waiting = left(&desk, told).await;
    let Desk { client, workspace, .. } = desk;
    let waiting = match waiting {
        Ok(waiting) => waiting,
        Err(failure) => return close(client, Err(failure)).await,
    };
    if wipe {
        client.sign_out_and_wipe(workspace.id).await?;
    } else if waiting > 0 {
        let what = format!("{waiting} messages wait to be sent");
        let kept = Error::bad_input(what, "signing out would lose them; --wipe does so all the same");
        return close(client, Err(kept.into())).await;
    } else {
        let outcome = client.sign_out(workspace.id).await.map_err(Failure::Core);
        close(client, outcome).await?;
    }
    let text = if wipe { "signed out; the profile is gone from this device" } else { "signed out" };
    place.output.show(&SignedOut { workspace: workspace.workspace, told, wiped: wipe }, || text.to_owned())
}

/// How many messages are still not sent, after trying.
async fn left(desk: &Desk<'_>, connected: bool) -> Outcome<u64> {
    if connected && desk.client.flush(desk.ws(), desk.place.timeout).await.is_ok() {
        return Ok(0);
    }
    Ok(desk.client.resolve_workspace(Some(&desk.workspace.id.to_string())).await?.waiting)
}

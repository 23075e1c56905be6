//! The way into the network.

use crate::args::{NetworkAction, SetNetwork};
use crate::output::{Outcome, line};
use crate::run::{Place, close};
use crate::secrets;
use thechatapp_core::Client;
use thechatapp_core::route::{Choice, Login, Setting};
use thechatapp_core::view::{NetworkView, WaysOutView};

/// `network`.
pub async fn network(place: &Place, action: NetworkAction) -> Outcome {
    let (client, outcome) = match action {
        NetworkAction::Show => {
            let client = place.open().await?;
            let outcome = client.network().await;
            (client, outcome.map_err(Into::into))
        }
        NetworkAction::Set(set) => {
            let login = login(&set)?;
            // First contact, too, goes this way: there may be no profile yet.
            let client = place.open_or_create().await?;
            let outcome = change(&client, &set, login).await;
            (client, outcome)
        }
    };
    let network = close(client, outcome).await?;
    place.output.show(&network, || text(&network))
}

fn login(set: &SetNetwork) -> Outcome<Option<Login>> {
    let Some(user) = set.proxy_user.clone() else { return Ok(None) };
    let file = set.proxy_password_file.as_deref();
    let password = secrets::from_file_or_person(file, "proxy password", "--proxy-password-file")?;
    Ok(Some(Login { user, password }))
}

async fn change(client: &Client, set: &SetNetwork, login: Option<Login>) -> Outcome<NetworkView> {
    let setting = match &set.proxy {
        Some(proxy) => Setting::parse(proxy, set.or_direct, login)?,
        None => {
            let now = client.network_setting();
            let or_direct = matches!(now.choice, Choice::Pac { or_direct: true, .. });
            Setting::parse(&now.text(), or_direct, login)?
        }
    };
    client.set_network(setting).await?;
    Ok(client.network().await?)
}

fn text(network: &NetworkView) -> String {
    let mut said = match network.proxy.as_str() {
        "system" => "as the system says".to_owned(),
        "none" => "always straight, by no proxy".to_owned(),
        other => format!("always by {}", line(other)),
    };
    if network.or_direct {
        said.push_str(", or straight where that does not work");
    }
    if let Some(user) = &network.user {
        said.push_str(&format!("; proxies that ask are told the name {}", line(user)));
    }
    for WaysOutView { workspace, by, why, .. } in &network.ways {
        let now = why.as_ref().map_or_else(|| by.join(", then "), |why| line(why));
        said.push_str(&format!("\n  {}: {now}", line(workspace)));
    }
    said
}

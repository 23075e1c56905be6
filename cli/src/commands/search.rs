//! Finding messages.

use crate::args::Search;
use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Hit, message_text};
use serde::Serialize;
use std::fmt;
use thechatapp_core::view::{HitView, RemoteFound};
use thechatapp_core::{AccountId, Error, Timestamp};

#[cfg(test)]
mod tests;

/// `search WORDS`.
pub async fn search(desk: &Desk<'_>, typed: Search) -> Outcome {
    let Search { words, channel, from, before, after, has_file, relevance, number, remote } = typed;
    let (before, after) = (moment(before.as_deref())?, moment(after.as_deref())?);
    if remote {
        desk.connect().await?;
    } else {
        desk.reach().await?;
    }
    let mut query = desk.client.read_search(desk.ws(), &words.join(" "), false).await?;
    if let Some(name) = channel {
        query.channel = Some(desk.channel(&name).await?.id);
    }
    if let Some(name) = from {
        query.author = Some(person(desk, &name).await?);
    }
    (query.before, query.after) = (before.or(query.before), after.or(query.after));
    query.has_file |= has_file;
    query.relevance |= relevance;
    query.limit = number;
    let hits = if remote {
        let found = desk.client.search_remote(desk.ws(), &query).await?;
        if let Some(limits) = Limits::of(&found) {
            desk.output().remark_as(&limits, &limits.to_string());
        }
        found.hits
    } else {
        let found = desk.client.find(desk.ws(), &query, false).await?;
        if found.partial {
            let server = if found.asked { "did not look at all of them" } else { "did not look" };
            desk.output().remark(&format!("not all messages are on this device, and the server {server}"));
        }
        found.hits
    };
    let names = desk.names().await?;
    let shapes: Vec<Hit> = hits.iter().map(|hit| Hit::new(hit, &names)).collect();
    desk.output().show(&shapes, || {
        let text = |hit: &HitView| format!("{}\n{}", names.name(hit.message.channel), message_text(&hit.message));
        hits.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

/// What the server's answer leaves open.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    reaches_back_to: Option<String>,
    behind: bool,
}

impl Limits {
    fn of(found: &RemoteFound) -> Option<Self> {
        let reaches_back_to = found.reaches_back_to.map(|at| at.to_string());
        found.is_partial().then_some(Self { reaches_back_to, behind: found.behind })
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.reaches_back_to {
            write!(to, "the server looked back to {at} only; --before {at} goes on from there")?;
        }
        if self.behind {
            let between = if self.reaches_back_to.is_some() { "; " } else { "" };
            write!(to, "{between}the server's index lacks messages still, as after an import: ask again in a while")?;
        }
        Ok(())
    }
}

/// A person by name, with or without `@`, or by id.
pub(super) async fn person(desk: &Desk<'_>, name: &str) -> Outcome<AccountId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let wanted = name.strip_prefix('@').unwrap_or(name).to_lowercase();
    let people = desk.client.people(desk.ws()).await?;
    let mut named = people.iter().filter(|person| person.name.to_lowercase() == wanted);
    match (named.next(), named.next()) {
        (Some(person), None) => Ok(person.id),
        (None, _) => Err(Error::bad_input(format!("nobody here is called {name}"), "names count as a whole").into()),
        (Some(_), Some(_)) => {
            Err(Error::bad_input(format!("several people are called {name}"), "an account's id tells them apart")
                .into())
        }
    }
}

/// A day (from its midnight, UTC) or a moment.
pub(super) fn moment(text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    text.map(thechatapp_core::moment).transpose()
}

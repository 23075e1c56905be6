//! Finding messages.

use crate::args::Search;
use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Hit, message_text};
use thechatapp_core::view::HitView;
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
        desk.client.search_remote(desk.ws(), &query).await?
    } else {
        let found = desk.client.find(desk.ws(), &query, false).await?;
        if found.partial {
            desk.output().remark("not all messages are on this device, and the server did not look");
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

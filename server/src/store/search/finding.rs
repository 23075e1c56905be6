//! Answering a search from the index: one walk, from the newest message backwards, over what matches, of which the asker sees
//! what they may read. The walk has an end, and where it ends before the answer is full, the answer says so.

use super::super::channels::{self, Channel};
use super::super::messages::{self, PAGE_BYTES};
use super::super::{View, guests};
use super::{BELOW, START, author_token, beginning, file_token, floor, place_token, start_token, word_token};
use crate::error::Fail;
use crate::keyring::Keyring;
use std::collections::HashMap;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{Found, HITS_MAX, SearchParams};
use thechatapp_protocol::search::{Term, terms, words};
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

/// Messages looked at in one walk: what a person may read can be rare among what matches.
const LOOKED_AT: usize = 20_000;
/// Channels asked for in one walk, when the first one met too much of others: each of them opens a list of the index. Whoever may
/// read more is answered out of as many walks as that takes.
const PLACES_AT_ONCE: usize = 256;
/// Most words in one search: each opens a list of the index.
const WORDS_MAX: usize = 32;
/// Hits when no limit is given.
const HITS: u32 = 20;

/// Finds messages, newest first, among those a person may read. `only` is the channel, when one was asked for and the gate
/// has let it pass.
///
/// # Errors
/// Bad input for words that the index cannot answer; the asker's own device can.
pub fn find(view: View<'_>, asker: AccountId, only: Option<Channel>, params: &SearchParams) -> Result<Found, Fail> {
    within(view, asker, only, params, LOOKED_AT)
}

/// The same, with so many messages looked at in one walk.
pub(super) fn within(
    view: View<'_>,
    asker: AccountId,
    only: Option<Channel>,
    params: &SearchParams,
    most: usize,
) -> Result<Found, Fail> {
    let terms = terms(&params.words);
    let question = question(view.keyring, &terms, only, params)?;
    let limit = if params.limit == 0 { HITS } else { params.limit.min(HITS_MAX) } as usize;
    let after = params.after.map_or(0, floor);
    let mut walk =
        Walk { view, terms: &terms, sight: Sight::new(asker), most, limit, found: Vec::new(), bytes: 0, full: false };
    let mut ended = walk.on(&question, after, params.before.map_or(i64::MAX, floor))?;
    // The walk may have ended at a message that the asker may not read, and when that was sent, to the millisecond, is not to be
    // told. A rounded time would tell of it still, and that of the last one found would lead nowhere where none was. So what is
    // behind is looked at without the messages of others, however many channels that takes: where that ends, it is theirs to know.
    if let Some(last) = ended
        && !walk.full
        && only.is_none()
    {
        ended = walk.among(&places(view, asker)?, &question, after, last)?;
    }
    // The millisecond in which it ended may hold more.
    let reaches_back_to = ended.map(|last| Timestamp((last >> BELOW) + 1));
    let messages = walk.found.into_iter().map(|(_, message)| message).collect();
    Ok(Found { messages, reaches_back_to, behind: false })
}

/// On its way through what matches.
struct Walk<'a> {
    view: View<'a>,
    terms: &'a [Term],
    sight: Sight,
    most: usize,
    limit: usize,
    /// With their rowids, newest first.
    found: Vec<(i64, MessageRow)>,
    bytes: usize,
    /// Whether no more fits into the answer.
    full: bool,
}

impl Walk<'_> {
    /// Takes what the asker may read, from a rowid (itself not) down to another. The answer is where it ended early: neither
    /// with all that was wanted nor at the end.
    fn on(&mut self, question: &str, after: i64, before: i64) -> Result<Option<i64>, Fail> {
        let mut rows = self.view.db.prepare_cached(
            "SELECT f.place, s.rowid FROM search s CROSS JOIN found f ON f.at = s.rowid
             WHERE s.search MATCH ?1 AND s.rowid < ?2 AND s.rowid >= ?3 ORDER BY s.rowid DESC LIMIT ?4",
        )?;
        let mut rows = rows.query((question, before, after, i64::try_from(self.most).unwrap_or(i64::MAX)))?;
        let (mut looked_at, mut last) = (0, before);
        while let Some(row) = rows.next()? {
            let place: i64 = row.get(0)?;
            last = row.get(1)?;
            looked_at += 1;
            let Some(channel) = self.sight.channel(self.view, place >> 40)? else { continue };
            let message = messages::row(self.view, channel, place)?;
            if !holds(&message, self.terms) {
                continue;
            }
            if !self.take(last, message) {
                return Ok(Some(last));
            }
            if self.full {
                return Ok(None);
            }
        }
        Ok((looked_at >= self.most).then_some(last))
    }

    /// One more, if it fits.
    fn take(&mut self, at: i64, message: MessageRow) -> bool {
        self.bytes += messages::weight(&message);
        let fits = self.bytes <= PAGE_BYTES || self.found.is_empty();
        if fits {
            self.found.push((at, message));
        }
        self.full = !fits || self.found.len() >= self.limit;
        fits
    }

    /// The rest of the way, in these channels alone, all of which the asker may read: some of them in one walk, then the next, and
    /// of all that the newest. The answer is that of [`Self::on`].
    fn among(&mut self, places: &[String], question: &str, after: i64, before: i64) -> Result<Option<i64>, Fail> {
        let room = self.limit - self.found.len();
        let (mut ended, mut rest) = (None, Vec::<(i64, MessageRow)>::new());
        for places in places.chunks(PLACES_AT_ONCE) {
            // Neither what is older than all that there is room for, nor than where another one of these walks ended, is wanted.
            let full = rest.get(room - 1).map_or(after, |(at, _)| at + 1);
            let mut part = Walk {
                view: self.view,
                terms: self.terms,
                sight: Sight::new(self.sight.asker),
                most: self.most,
                limit: room,
                found: Vec::new(),
                bytes: 0,
                full: false,
            };
            let question = format!("{question} AND marks : ({})", places.join(" OR "));
            ended = ended.max(part.on(&question, after.max(full).max(ended.unwrap_or(after)), before)?);
            rest.append(&mut part.found);
            rest.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
            rest.truncate(room);
        }
        for (at, message) in rest.into_iter().take_while(|(at, _)| ended.is_none_or(|ended| *at >= ended)) {
            if !self.take(at, message) {
                return Ok(Some(at));
            }
        }
        Ok(ended.filter(|_| !self.full))
    }
}

/// The channels that somebody may read, as the index is asked for them.
fn places(view: View<'_>, asker: AccountId) -> Result<Vec<String>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT id FROM channels c WHERE c.kind = 0 AND NOT ?2
         OR EXISTS (SELECT 1 FROM members m WHERE m.channel = c.id AND m.person = ?1 AND m.joined)",
    )?;
    let ids =
        rows.query_map((asker.as_bytes(), guests::is(view, asker)?), |row| row.get(0).map(ChannelId::from_bytes))?;
    ids.map(|id| Ok(place_token(view.keyring, id?))).collect()
}

/// The index's question: every term, and the filters that it knows.
fn question(keyring: &Keyring, terms: &[Term], only: Option<Channel>, params: &SearchParams) -> Result<String, Fail> {
    let count: usize = terms
        .iter()
        .map(|term| match term {
            Term::Phrase(words) | Term::PhraseStart(words) => words.len(),
            Term::Word(_) | Term::Start(_) => 1,
        })
        .sum();
    if count > WORDS_MAX {
        return Err(Fail::bad_input(
            "This is too much to search for at once",
            format!("{count} words were given, {WORDS_MAX} are allowed"),
            "leave some out",
        ));
    }
    let mut parts = Vec::new();
    for term in terms {
        parts.push(match term {
            Term::Word(word) => format!("words : {}", word_token(keyring, word)),
            Term::Phrase(phrase) => together(keyring, phrase),
            // Whether its last word begins as was asked is seen when the message is read.
            Term::PhraseStart(phrase) => match phrase.split_last() {
                Some((_, whole)) => together(keyring, whole),
                None => continue,
            },
            Term::Start(start) => {
                let length = start.chars().count().min(*START.end());
                let start = beginning(start, length).filter(|_| length >= *START.start()).ok_or_else(|| {
                    Fail::bad_input(
                        "This cannot be searched on the server",
                        format!("\"{start}*\" has too few letters: its index knows beginnings of 3 letters and more"),
                        "add letters, or search on this device",
                    )
                })?;
                format!("marks : {}", start_token(keyring, start))
            }
        });
    }
    if parts.is_empty() {
        return Err(Fail::bad_input("There is nothing to search for", "no word was given", "give at least one word"));
    }
    parts.extend(only.map(|channel| format!("marks : {}", place_token(keyring, channel.id))));
    parts.extend(params.author.map(|author| format!("marks : {}", author_token(keyring, author))));
    parts.extend(params.has_file.then(|| format!("marks : {}", file_token(keyring))));
    Ok(parts.join(" AND "))
}

fn together(keyring: &Keyring, phrase: &[String]) -> String {
    let tokens: Vec<String> = phrase.iter().map(|word| word_token(keyring, word)).collect();
    format!("words : \"{}\"", tokens.join(" "))
}

/// Whether a message does begin words as was asked: the index knows six letters of a beginning, and 64 bits of each token.
fn holds(message: &MessageRow, terms: &[Term]) -> bool {
    let mut starts = terms.iter().filter_map(|term| match term {
        Term::Start(start) => Some(std::slice::from_ref(start)),
        Term::PhraseStart(phrase) => Some(phrase.as_slice()),
        Term::Word(_) | Term::Phrase(_) => None,
    });
    let text = message.searchable();
    starts.all(|phrase| begins(&words(&text).collect::<Vec<_>>(), phrase))
}

/// Whether these words follow each other in a text, of the last one the beginning.
fn begins(text: &[String], phrase: &[String]) -> bool {
    let Some((last, whole)) = phrase.split_last() else { return true };
    text.windows(phrase.len())
        .any(|part| part.split_last().is_some_and(|(end, before)| before == whole && end.starts_with(last.as_str())))
}

/// The channels that the asker may read, looked up once each.
pub(crate) struct Sight {
    asker: AccountId,
    known: HashMap<i64, Option<ChannelId>>,
}

impl Sight {
    /// For one question of this person.
    pub(crate) fn new(asker: AccountId) -> Self {
        Self { asker, known: HashMap::new() }
    }

    /// The channel with this number, if the asker may read it.
    pub(crate) fn channel(&mut self, view: View<'_>, number: i64) -> Result<Option<ChannelId>, Fail> {
        if let Some(known) = self.known.get(&number) {
            return Ok(*known);
        }
        let channel = channels::numbered(view, number)?.ok_or(Fail::Broken("a message without its channel"))?;
        let seen = channels::is_readable(view, channel, self.asker)?.then_some(channel.id);
        self.known.insert(number, seen);
        Ok(seen)
    }
}

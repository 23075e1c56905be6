//! Drafts: what was typed and not sent, by conversation and thread, and how far the server has it.
//!
//! Every text that the server accepts is a revision, and a text goes back to one. What comes from another device replaces what
//! was not touched here since; where both typed, this device keeps its own in the field and the other one's beside it. Each text
//! on its way has a token, so that a text whose answer was lost is known again, and one that was sent meanwhile does not return.

use super::{Local, Waiting};
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use thechatapp_protocol::event::DraftRow;
use thechatapp_protocol::{ChannelId, MessageId, Timestamp, WorkspaceId};

/// Other devices' texts that are kept for one place.
const EARLIER: i64 = 20;

/// Where a draft belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DraftPlace {
    pub(crate) channel: ChannelId,
    pub(crate) thread: Option<MessageId>,
}

impl DraftPlace {
    fn stored_thread(self) -> [u8; 16] {
        self.thread.map_or([0; 16], |thread| *thread.as_bytes())
    }

    fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let thread: [u8; 16] = row.get(at + 1)?;
        Ok(Self {
            channel: ChannelId::from_bytes(row.get(at)?),
            thread: (thread != [0; 16]).then(|| MessageId::from_bytes(thread)),
        })
    }
}

/// How far the server has a draft. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum DraftState {
    /// As it is here.
    Synced = 0,
    /// It was typed at since.
    Typed = 1,
    /// It is on its way.
    OnTheWay = 2,
    /// The server does not take it; it is on this device only.
    Refused = 3,
}

impl DraftState {
    fn read(stored: i64) -> Self {
        match stored {
            0 => Self::Synced,
            2 => Self::OnTheWay,
            3 => Self::Refused,
            _ => Self::Typed,
        }
    }
}

/// What came of saving a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is as it was.
    Same,
    /// It is another one.
    Typed,
    /// And what another device had typed is kept beside it.
    BesideAnother,
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) place: DraftPlace,
    pub(crate) text: String,
    pub(crate) state: DraftState,
    pub(crate) edited: Timestamp,
}

/// What another device had typed in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Earlier {
    pub(crate) number: i64,
    pub(crate) place: DraftPlace,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// A draft to be given to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToPut {
    pub(crate) place: DraftPlace,
    pub(crate) text: String,
    pub(crate) base: u64,
    pub(crate) token: u32,
}

/// A draft's row as it is stored.
#[derive(Debug)]
struct Stored {
    text: String,
    base: u64,
    state: DraftState,
    /// The tokens of this device's newest texts, the newest last. None once the text is another device's.
    tokens: Vec<u32>,
}

/// Tokens of texts whose answer may have been lost.
const TOKENS: usize = 64;

fn read_tokens(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Vec<u32>> {
    let stored: Vec<u8> = row.get(column)?;
    Ok(stored.as_chunks().0.iter().map(|token| u32::from_be_bytes(*token)).collect())
}

fn stored_tokens(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_be_bytes()).collect()
}

fn load(db: &Connection, workspace: WorkspaceId, place: DraftPlace) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(
        "SELECT text, base, state, tokens FROM drafts WHERE workspace = ?1 AND channel = ?2 AND thread = ?3",
    )?
    .query_row(params![workspace.as_bytes(), place.channel.as_bytes(), place.stored_thread()], |row| {
        Ok(Stored {
            text: row.get(0)?,
            base: row.get::<_, i64>(1)? as u64,
            state: DraftState::read(row.get(2)?),
            tokens: read_tokens(row, 3)?,
        })
    })
    .optional()
}

fn store(
    db: &Connection,
    workspace: WorkspaceId,
    place: DraftPlace,
    draft: &Stored,
    edited: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO drafts (workspace, channel, thread, text, base, state, tokens, edited)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET text = excluded.text, base = excluded.base, state = excluded.state,
             tokens = excluded.tokens, edited = excluded.edited",
    )?
    .execute(params![
        workspace.as_bytes(),
        place.channel.as_bytes(),
        place.stored_thread(),
        draft.text,
        draft.base as i64,
        draft.state as i64,
        stored_tokens(&draft.tokens),
        edited.0,
    ])?;
    Ok(())
}

/// A message waits to be sent: where it is what the draft said, there is no draft any longer.
pub(super) fn sent(db: &Connection, workspace: WorkspaceId, message: &Waiting) -> rusqlite::Result<()> {
    let place = DraftPlace { channel: message.channel, thread: message.thread };
    match load(db, workspace, place)? {
        Some(draft) if !draft.text.is_empty() && draft.text.trim() == message.text.trim() => {
            let sent = Stored { text: String::new(), state: DraftState::Typed, ..draft };
            store(db, workspace, place, &sent, message.created)
        }
        _ => Ok(()),
    }
}

impl Local {
    /// A draft's text; empty when there is none.
    pub(crate) async fn draft(&self, workspace: WorkspaceId, place: DraftPlace) -> Result<String> {
        self.read(move |db| Ok(load(db, workspace, place)?.map(|draft| draft.text).unwrap_or_default())).await
    }

    /// Keeps what was typed; once this returns it survives everything. An empty text deletes the draft. Tells whether
    /// anything changed.
    pub(crate) async fn save_draft(
        &self,
        workspace: WorkspaceId,
        place: DraftPlace,
        text: String,
        now: Timestamp,
    ) -> Result<Saved> {
        self.write(move |db| {
            let old = load(db, workspace, place)?;
            if old.as_ref().map_or("", |old| old.text.as_str()) == text {
                return Ok(Saved::Same);
            }
            let mut saved = Saved::Typed;
            if let Some(old) = &old
                && old.state == DraftState::Synced
                && old.tokens.is_empty()
                && drops_much(&old.text, &text)
            {
                // It came from another device a moment ago, maybe before it was seen here.
                keep_earlier(db, workspace, place, &old.text, now)?;
                saved = Saved::BesideAnother;
            }
            let (base, tokens) = old.map_or((0, Vec::new()), |old| (old.base, old.tokens));
            store(db, workspace, place, &Stored { text, base, state: DraftState::Typed, tokens }, now)?;
            Ok(saved)
        })
        .await
    }

    /// All drafts of a workspace, the one typed at last first.
    pub(crate) async fn drafts(&self, workspace: WorkspaceId) -> Result<Vec<Draft>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT channel, thread, text, state, edited FROM drafts WHERE workspace = ?1 AND text <> ''
                 ORDER BY edited DESC",
            )?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok(Draft {
                    place: DraftPlace::read(row, 0)?,
                    text: row.get(2)?,
                    state: DraftState::read(row.get(3)?),
                    edited: Timestamp(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The channels in which a draft waits.
    pub(crate) async fn draft_channels(&self, workspace: WorkspaceId) -> Result<BTreeSet<ChannelId>> {
        self.read(move |db| {
            let mut query =
                db.prepare_cached("SELECT DISTINCT channel FROM drafts WHERE workspace = ?1 AND text <> ''")?;
            let rows = query.query_map([workspace.as_bytes()], |row| row.get::<_, [u8; 16]>(0))?;
            Ok(rows.map(|id| id.map(ChannelId::from_bytes)).collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Whether the server lacks a draft as it is here.
    pub(crate) async fn drafts_wait(&self, workspace: WorkspaceId) -> Result<bool> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT 1 FROM drafts WHERE workspace = ?1 AND state IN (1, 2)")?;
            Ok(query.exists([workspace.as_bytes()])?)
        })
        .await
    }

    /// The drafts that the server lacks as they are here. From now on they are on their way, each under a token; `token`
    /// makes new ones.
    pub(crate) async fn drafts_to_put(
        &self,
        workspace: WorkspaceId,
        token: impl Fn() -> u32 + Send + 'static,
    ) -> Result<Vec<ToPut>> {
        self.write(move |db| {
            let mut typed = db.prepare_cached(
                "SELECT channel, thread FROM drafts WHERE workspace = ?1 AND state = 1 ORDER BY edited",
            )?;
            let places = typed.query_map([workspace.as_bytes()], |row| DraftPlace::read(row, 0))?;
            for place in places.collect::<rusqlite::Result<Vec<_>>>()? {
                let Some(mut draft) = load(db, workspace, place)? else { continue };
                draft.tokens.push(token());
                let newest = draft.tokens.split_off(draft.tokens.len().saturating_sub(TOKENS));
                db.prepare_cached(
                    "UPDATE drafts SET state = 2, tokens = ?4 WHERE workspace = ?1 AND channel = ?2 AND thread = ?3",
                )?
                .execute(params![
                    workspace.as_bytes(),
                    place.channel.as_bytes(),
                    place.stored_thread(),
                    stored_tokens(&newest)
                ])?;
            }
            let mut all = db.prepare_cached(
                "SELECT channel, thread, text, base, tokens FROM drafts WHERE workspace = ?1 AND state = 2",
            )?;
            let rows = all.query_map([workspace.as_bytes()], |row| {
                Ok(ToPut {
                    place: DraftPlace::read(row, 0)?,
                    text: row.get(2)?,
                    base: row.get::<_, i64>(3)? as u64,
                    token: read_tokens(row, 4)?.last().copied().unwrap_or(0),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The server does not take a draft: it stays here until it is typed at again.
    pub(crate) async fn refuse_draft(&self, workspace: WorkspaceId, draft: ToPut) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached(
                "UPDATE drafts SET state = 3
                 WHERE workspace = ?1 AND channel = ?2 AND thread = ?3 AND state = 2 AND substr(tokens, -4) = ?4",
            )?
            .execute(params![
                workspace.as_bytes(),
                draft.place.channel.as_bytes(),
                draft.place.stored_thread(),
                draft.token.to_be_bytes()
            ])?;
            Ok(())
        })
        .await
    }

    /// Takes drafts as the server has them. Tells whose text here is another one now.
    pub(crate) async fn take_drafts(
        &self,
        workspace: WorkspaceId,
        rows: Vec<DraftRow>,
        now: Timestamp,
    ) -> Result<Vec<DraftPlace>> {
        self.write(move |db| {
            let mut changed = Vec::new();
            for row in rows {
                let place = DraftPlace { channel: row.channel, thread: row.thread };
                if take(db, workspace, place, row, now)? {
                    changed.push(place);
                }
            }
            Ok(changed)
        })
        .await
    }

    /// What the server did not take is offered once more: it may take it now.
    pub(crate) async fn offer_refused_drafts(&self, workspace: WorkspaceId) -> Result<()> {
        self.write(move |db| {
            db.execute("UPDATE drafts SET state = 1 WHERE workspace = ?1 AND state = 3", [workspace.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// The server may know other revisions from now on, or none: all drafts are offered to it.
    pub(crate) async fn offer_drafts(&self, workspace: WorkspaceId) -> Result<()> {
        self.write(move |db| {
            db.execute("UPDATE drafts SET base = 0, state = 1 WHERE workspace = ?1", [workspace.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// What other devices had typed while this one was typing, the newest first.
    pub(crate) async fn earlier_drafts(&self, workspace: WorkspaceId) -> Result<Vec<Earlier>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT number, channel, thread, text, at FROM earlier_drafts WHERE workspace = ?1 ORDER BY number DESC",
            )?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok(Earlier {
                    number: row.get(0)?,
                    place: DraftPlace::read(row, 1)?,
                    text: row.get(3)?,
                    at: Timestamp(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets one of them.
    pub(crate) async fn forget_earlier(&self, workspace: WorkspaceId, number: i64) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM earlier_drafts WHERE workspace = ?1 AND number = ?2",
                params![workspace.as_bytes(), number],
            )?;
            Ok(())
        })
        .await
    }
}

fn take(
    db: &Connection,
    workspace: WorkspaceId,
    place: DraftPlace,
    row: DraftRow,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let empty = Stored { text: String::new(), base: 0, state: DraftState::Synced, tokens: Vec::new() };
    let mut here = load(db, workspace, place)?.unwrap_or(empty);
    let newest = here.tokens.last().copied();
    let landed = here.state == DraftState::OnTheWay && newest.is_some_and(|token| row.tokens.contains(&token));
    if row.revision < here.base || (row.revision == here.base && !landed) {
        return Ok(false);
    }
    here.base = row.revision;
    let own = row.tokens.last().is_some_and(|token| here.tokens.contains(token));
    let mut changed = false;
    // What was deleted or sent here is not what somebody typed since elsewhere.
    let typed_elsewhere = here.text.is_empty() && !own;
    if here.state == DraftState::Synced || landed || here.text == row.text || typed_elsewhere {
        changed = here.text != row.text;
        here.text = row.text;
        here.state = DraftState::Synced;
        if changed {
            here.tokens.clear();
        }
    } else {
        // Both typed. A text of this device itself, or one that is within the newer, is no loss.
        if !own && !row.text.is_empty() && !here.text.contains(row.text.trim()) {
            keep_earlier(db, workspace, place, &row.text, now)?;
            changed = true;
        }
        here.state = DraftState::Typed;
    }
    store(db, workspace, place, &here, now)?;
    Ok(changed)
}

/// Whether a text lacks more of another than a person takes away with a keystroke or two.
fn drops_much(old: &str, new: &str) -> bool {
    if new.is_empty() {
        // That is meant.
        return false;
    }
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let ahead = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - ahead;
    let behind = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    old.len() - ahead - behind > 3
}

fn keep_earlier(
    db: &Connection,
    workspace: WorkspaceId,
    place: DraftPlace,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let place = (workspace.as_bytes(), place.channel.as_bytes(), place.stored_thread());
    db.prepare_cached("INSERT INTO earlier_drafts (workspace, channel, thread, text, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![place.0, place.1, place.2, text, now.0])?;
    db.prepare_cached(
        "DELETE FROM earlier_drafts WHERE number IN (SELECT number FROM earlier_drafts
            WHERE workspace = ?1 AND channel = ?2 AND thread = ?3 ORDER BY number DESC LIMIT -1 OFFSET ?4)",
    )?
    .execute(params![place.0, place.1, place.2, EARLIER])?;
    Ok(())
}

#[cfg(test)]
mod tests;

//! Questions about some messages of a channel: those of a thread, those that are pinned. Each answer says whether it is
//! all there is, for messages of the channel may be missing here.

use super::read::{here, messages, state};
use super::view::{COLUMNS, Names};
use super::{Cache, Gaps, Me};
use crate::error::Result;
use crate::view::MessageView;
use rusqlite::{Connection, OptionalExtension, params};
use std::cmp::Reverse;
use thechatapp_database::Error;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::{ChannelId, MessageId};

/// A part of a thread.
#[derive(Clone, Debug)]
pub(crate) struct ThreadPart {
    pub(crate) root: Option<MessageView>,
    /// By number, ascending.
    pub(crate) replies: Vec<MessageView>,
    /// Whether there are older ones here.
    pub(crate) older: bool,
    /// Whether nothing of this part can be missing or stale.
    pub(crate) complete: bool,
    /// Those of the messages asked about that are here, and perhaps others, seen at the same moment as the rest.
    pub(crate) here: Vec<MessageId>,
}

/// Some messages of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Picked {
    pub(crate) messages: Vec<MessageView>,
    /// Whether none can be missing or stale.
    pub(crate) complete: bool,
}

impl Cache {
    /// The message that the thread of a message begins with: itself, where it answers none.
    pub(crate) async fn thread_root(&self, channel: ChannelId, id: MessageId) -> Result<MessageId> {
        let here = self.read(move |db, _| root_of(db, channel, id)).await?;
        match here {
            Some(root) => Ok(root),
            None => Ok(self.thread_before(channel, id).await.unwrap_or(id)),
        }
    }

    /// The newest answers of a thread before a number, as far as they are here, and which of `waiting` are here too; `None`
    /// for a channel that is not known. What is missing here a damaged cache may have, whose place this one takes.
    pub(crate) async fn thread(
        &self,
        channel: ChannelId,
        root: MessageId,
        before: Option<u64>,
        limit: u32,
        waiting: Vec<MessageId>,
    ) -> Result<Option<ThreadPart>> {
        let below = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let old = self.of_former(move |former, _| {
            let id = channel.as_bytes();
            let mut old = former.picked("m.id = ?1 AND m.channel = ?2 LIMIT 1", params![root.as_bytes(), id]);
            old.extend(former.picked(
                "m.thread = ?1 AND m.channel = ?2 AND m.seq < ?3 ORDER BY m.seq DESC LIMIT ?4",
                params![root.as_bytes(), id, below, i64::from(limit) + 1],
            ));
            Some(old)
        });
        let old = old.await.unwrap_or_default();
        self.read(move |db, me| {
            let moment = db.unchecked_transaction()?;
            let part = thread(db, me, (channel, root), (before, limit), waiting, old)?;
            moment.finish()?;
            Ok(part)
        })
        .await
    }

    /// A channel's pinned messages, the newest pin first; `None` for a channel that is not known. What is missing here is taken
    /// from a damaged cache likewise.
    pub(crate) async fn pins(&self, channel: ChannelId) -> Result<Option<Picked>> {
        let old = self.of_former(move |former, _| {
            Some(former.picked("m.channel = ?1 AND m.pinned_at IS NOT NULL", params![channel.as_bytes()]))
        });
        let old = old.await.unwrap_or_default();
        self.read(move |db, me| {
            let moment = db.unchecked_transaction()?;
            let Some(state) = state(db, me, channel)? else { return Ok(None) };
            let sql = format!(
                "SELECT {COLUMNS} FROM messages m WHERE m.channel = ?1 AND m.pinned_at IS NOT NULL
                 ORDER BY m.pinned_at DESC, m.seq DESC"
            );
            let mut messages = messages(db, me, &sql, params![channel.as_bytes()])?;
            let old = lacking(db, me, &state.gaps, old)?;
            if !old.is_empty() {
                messages.extend(old);
                messages.sort_by_key(|one| Reverse((one.pinned.as_ref().map(|pin| pin.at), one.seq)));
            }
            moment.finish()?;
            Ok(Some(Picked { messages, complete: state.joined && state.gaps.all().is_empty() }))
        })
        .await
    }
}

/// The first message of the thread of one that is here.
pub(super) fn root_of(db: &Connection, channel: ChannelId, id: MessageId) -> Result<Option<MessageId>, Error> {
    let thread: Option<Option<[u8; 16]>> = db
        .prepare_cached("SELECT thread FROM messages WHERE id = ?1 AND channel = ?2 ORDER BY seq LIMIT 1")?
        .query_row(params![id.as_bytes(), channel.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(thread.map(|thread| thread.map_or(id, MessageId::from_bytes)))
}

/// Of messages that a damaged cache has, those whose place nothing takes here.
fn lacking(db: &Connection, me: &Me, gaps: &Gaps, old: Vec<MessageRow>) -> Result<Vec<MessageView>, Error> {
    let mut here = db.prepare_cached("SELECT 1 FROM messages WHERE channel = ?1 AND seq = ?2")?;
    let mut names = Names::new(db, me);
    let mut lacking = Vec::new();
    for row in old {
        if gaps.any_within(row.seq, row.seq) && !here.exists(params![row.channel.as_bytes(), row.seq as i64])? {
            lacking.push(names.row(row)?);
        }
    }
    Ok(lacking)
}

fn thread(
    db: &Connection,
    me: &Me,
    (channel, root): (ChannelId, MessageId),
    (before, limit): (Option<u64>, u32),
    waiting: Vec<MessageId>,
    old: Vec<MessageRow>,
) -> Result<Option<ThreadPart>, Error> {
    let Some(state) = state(db, me, channel)? else { return Ok(None) };
    let id = channel.as_bytes();
    let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.id = ?1 AND m.channel = ?2 ORDER BY m.seq LIMIT 1");
    let mut root_view = messages(db, me, &sql, params![root.as_bytes(), id])?.pop();
    let sql = format!(
        "SELECT {COLUMNS} FROM messages m WHERE m.thread = ?1 AND m.channel = ?2 AND m.seq < ?3
         ORDER BY m.seq DESC LIMIT ?4"
    );
    let below = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let mut replies = messages(db, me, &sql, params![root.as_bytes(), id, below, i64::from(limit) + 1])?;
    let mut old = lacking(db, me, &state.gaps, old)?;
    if !old.is_empty() {
        if let Some(place) = old.iter().position(|message| message.id == root) {
            root_view = root_view.or(Some(old.swap_remove(place)));
        }
        replies.extend(old);
        replies.sort_by_key(|message| Reverse(message.seq));
    }
    let older = replies.len() > limit as usize;
    replies.truncate(limit as usize);
    replies.reverse();
    let mut here = here(db, waiting)?;
    // What waits still to be told that it was sent is shown once, as the damaged one has it.
    here.extend(replies.iter().map(|message| message.id));
    // Where there are older ones here, what lies before the first one shown does not matter.
    let first = replies.first().filter(|_| older).or(root_view.as_ref()).and_then(|message| message.seq);
    let last = before.map_or(u64::MAX, |before| before.saturating_sub(1));
    let complete =
        state.joined && root_view.is_some() && first.is_some_and(|first| !state.gaps.any_within(first, last));
    Ok(Some(ThreadPart { root: root_view, replies, older, complete, here }))
}

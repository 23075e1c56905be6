//! A row of each kind.

use super::*;

pub(super) fn person() -> PersonRow {
    PersonRow { id: PERSON, name: "Inês Duarte".into(), imported: false, active: true, rank: Rank::Member, change: 11 }
}

pub(super) fn channel() -> ChannelRow {
    ChannelRow {
        id: CHANNEL,
        kind: ChannelKind::Public,
        name: "release".into(),
        topic: "3.2".into(),
        head: 7,
        created: AT,
        archived: false,
        gone: false,
        change: 12,
    }
}

pub(super) fn member() -> MemberRow {
    MemberRow { channel: CHANNEL, person: PERSON, joined: true, role: ChannelRole::Member, change: 13 }
}

pub(super) fn message() -> MessageRow {
    MessageRow {
        channel: CHANNEL,
        seq: 7,
        id: MESSAGE,
        author: PERSON,
        at: AT,
        text: "**done** ✓".into(),
        edited: Some(AT),
        deleted: false,
        thread: Some(MESSAGE),
        reactions: vec![Reaction { emoji: "👍".into(), people: vec![PERSON] }],
        replies: 0,
        last_reply: None,
        pinned: None,
        poll: None,
        files: Vec::new(),
        change: 14,
    }
}

/// With all that only some messages have.
pub(super) fn root() -> MessageRow {
    let pinned = Some(event::Pin { by: PERSON, at: AT });
    MessageRow { thread: None, replies: 3, last_reply: Some(AT), pinned, ..message() }
}

pub(super) fn tombstone() -> MessageRow {
    MessageRow { text: String::new(), edited: None, deleted: true, thread: None, reactions: Vec::new(), ..message() }
}

pub(super) fn draft() -> DraftRow {
    DraftRow {
        channel: CHANNEL,
        thread: Some(MESSAGE),
        text: "half a thou".into(),
        revision: 3,
        tokens: vec![7, 4_000_000_000],
        change: 16,
    }
}

pub(super) fn read() -> ReadRow {
    ReadRow { channel: CHANNEL, seq: 7, change: 15 }
}

pub(super) fn group() -> GroupRow {
    let (slug, name) = ("design".into(), "Design team".into());
    GroupRow { id: GROUP, slug, name, visibility: Visibility::Private, gone: false, change: 16 }
}

//! People talk by sessions with a server in this process: nothing between them but the protocol.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use support::{Host, PASSWORD, channel_id, get, get_whole, message_id, texts};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::identity::{Invite, SignedDocument, Unverified};
use thechatapp_protocol::methods::account::{Credential, Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::{ListDevices, SignOut};
use thechatapp_protocol::methods::drafts::{PutDraft, PutDraftParams};
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Code, Event, Row, http as paths};

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_document_is_served_signed_and_names_the_tls_key() {
    let host = Host::start().await;
    let known = host.known().await;
    assert_eq!(known.pin().to_string(), host.pin);
    assert_eq!(known.document().workspace, "acme");
    assert_eq!(known.document().tls_keys.len(), 1);
    let (_, by_host) = get(host.port, paths::IDENTITY_PATH).await;
    let (_, by_pin) = get(host.port, &format!("{}?pin={}", paths::IDENTITY_PATH, host.pin)).await;
    assert_eq!(by_host, known.encode());
    assert_eq!(by_pin, known.encode());
    let signed = SignedDocument::decode(&by_host).unwrap();
    assert!(Unverified::new(signed).verify_first(&known.pin(), support::millis() / 1000).is_ok());
    assert_eq!(get(host.port, "/w/nobody/identity").await.0, 404);
    let (head, _) = get_whole(host.port, "/join/acme").await;
    for header in ["content-security-policy", "x-content-type-options", "strict-transport-security", "referrer-policy"]
    {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    assert_eq!(get(host.port, "/healthz").await.0, 200);
    assert_eq!(get(host.port, "/readyz").await.0, 200);
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(host.ready_file()).unwrap()).unwrap();
    assert_eq!(ready["pin"], host.pin.as_str());
    assert_eq!(ready["url"], host.running().url.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_sends_the_other_sees_and_both_find_it_after_a_restart() {
    let mut host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    bob.sync(0).await;
    let sent = alice.send(general, "hello").await.unwrap();
    assert_eq!(sent.seq, 1);
    let seen = bob.session.changes().await;
    assert_eq!((texts(&seen.rows), seen.to, seen.live), (vec!["hello".to_owned()], sent.change, true));
    let own = loop {
        let changes = alice.session.changes().await;
        if !texts(&changes.rows).is_empty() {
            break changes;
        }
    };
    assert_eq!(own.to, sent.change);

    host.stop().await;
    assert!(!host.ready_file().exists());
    host.serve().await;
    bob.again(&host).await;
    let page =
        bob.call::<History>(&HistoryParams { channel: general, before: None, after: None, limit: 10 }).await.unwrap();
    assert_eq!((page.messages.len(), page.head), (1, 1));
    assert_eq!(page.messages[0].author, alice.id());
    let (started, rows, to) = bob.sync(sent.change - 1).await;
    assert_eq!((started.head, to), (sent.change, sent.change));
    assert_eq!(texts(&rows), ["hello"]);
    assert_eq!(bob.call::<WhoAmI>(&Nothing {}).await.unwrap().person.name, "bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_twice_is_one_and_another_under_its_id_is_refused() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let mut params = SendMessageParams {
        id: message_id(),
        channel: general,
        text: "once".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    let first = alice.call::<SendMessage>(&params).await.unwrap();
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap(), first);
    let id = params.id;
    alice.call::<EditMessage>(&EditMessageParams { channel: general, id, text: "edited".into() }).await.unwrap();
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap(), first);
    alice.call::<DeleteMessage>(&OneMessage { channel: general, id }).await.unwrap();
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap(), first);
    params.text = "another".into();
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap_err().code, Code::Conflict);
    // Nor is it somebody else's: who moderates meets a message by its id.
    assert_eq!(bob.call::<SendMessage>(&params).await.unwrap_err().code, Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_channel_is_nowhere_for_others_and_gone_for_who_leaves() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    alice.sync(0).await;
    bob.sync(0).await;
    let id = channel_id();
    let create = CreateChannelParams { id, name: "leadership".into(), kind: ChannelKind::Private };
    let made = alice.call::<CreateChannel>(&create).await.unwrap();
    assert_eq!(alice.call::<CreateChannel>(&create).await.unwrap(), made);
    alice.send(id, "secret plan").await.unwrap();
    assert!(bob.session.quiet().await, "bob heard of a private channel");
    for refused in [
        bob.call::<JoinChannel>(&InChannel { channel: id }).await.map(|_| ()),
        bob.send(id, "hello?").await.map(|_| ()),
        bob.call::<History>(&HistoryParams { channel: id, before: None, after: None, limit: 1 }).await.map(|_| ()),
        bob.call::<AddMember>(&AddMemberParams { channel: id, person: bob.me.person.id }).await.map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::NotFound);
    }

    alice.call::<AddMember>(&AddMemberParams { channel: id, person: bob.id() }).await.unwrap();
    let added = bob.session.changes().await;
    assert!(added.rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == id && row.head == 1)));
    let members = added.rows.iter().filter(|row| matches!(row, Row::Member(row) if row.channel == id && row.joined));
    assert!(members.count() >= 2);
    assert_eq!(texts(&added.rows), Vec::<String>::new());
    alice.send(id, "welcome").await.unwrap();
    assert_eq!(texts(&bob.session.changes().await.rows), ["welcome"]);

    bob.call::<LeaveChannel>(&InChannel { channel: id }).await.unwrap();
    let left = bob.session.changes().await;
    assert!(matches!(left.rows[..], [Row::Member(row)] if row.channel == id && !row.joined));
    alice.send(id, "without bob").await.unwrap();
    assert!(bob.session.quiet().await, "bob heard what was said after he left");
    let (_, rows, _) = {
        bob.again(&host).await;
        bob.sync(0).await
    };
    assert_eq!(texts(&rows), Vec::<String>::new());
    assert!(!rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == id)));
    assert!(rows.iter().any(|row| matches!(row, Row::Member(row) if row.channel == id && !row.joined)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_added_while_away_gets_the_channel_and_its_members_however_old() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    alice.sync(0).await;
    let id = channel_id();
    alice
        .call::<CreateChannel>(&CreateChannelParams { id, name: "old".into(), kind: ChannelKind::Private })
        .await
        .unwrap();
    alice.send(id, "before bob").await.unwrap();
    let (_, _, cursor) = bob.sync(0).await;
    drop(bob.session.socket.close(None).await);
    alice.call::<AddMember>(&AddMemberParams { channel: id, person: bob.id() }).await.unwrap();
    alice.send(id, "with bob").await.unwrap();
    bob.again(&host).await;
    let (_, rows, _) = bob.sync(cursor).await;
    assert!(rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == id && row.head == 2)));
    let alice_id = alice.id();
    assert!(rows.iter().any(|row| matches!(row, Row::Member(row) if row.channel == id && row.person == alice_id)));
    assert_eq!(texts(&rows), ["with bob"], "what was said before is paged, not streamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_conversation_is_one_whoever_opens_it_and_keeps_its_people() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let mut carol = host.join("carol").await;
    carol.sync(0).await;
    let one = alice.call::<OpenDirect>(&OpenDirectParams { people: vec![bob.id()] }).await.unwrap();
    let other = bob.call::<OpenDirect>(&OpenDirectParams { people: vec![alice.id()] }).await.unwrap();
    assert_eq!(one.id, other.id);
    alice.send(one.id, "between us").await.unwrap();
    assert!(carol.session.quiet().await);
    assert_eq!(carol.send(one.id, "me too").await.unwrap_err().code, Code::NotFound);
    let refused = bob.call::<AddMember>(&AddMemberParams { channel: one.id, person: carol.id() }).await;
    assert_eq!(refused.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_author_changes_a_message_and_reactions_keep_their_order() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let id = message_id();
    alice
        .call::<SendMessage>(&SendMessageParams {
            id,
            channel: general,
            text: "mine".into(),
            files: Vec::new(),
            thread: None,
            after: None,
        })
        .await
        .unwrap();
    let edit = EditMessageParams { channel: general, id, text: "yours".into() };
    assert_eq!(bob.call::<EditMessage>(&edit).await.unwrap_err().code, Code::Denied);
    let refused = bob.call::<DeleteMessage>(&OneMessage { channel: general, id }).await;
    assert_eq!(refused.unwrap_err().code, Code::Denied);
    let react = |emoji: &str, on| ReactParams { channel: general, id, emoji: emoji.into(), on };
    bob.call::<React>(&react("👍", true)).await.unwrap();
    alice.call::<React>(&react("🎉", true)).await.unwrap();
    let row = alice.call::<React>(&react("👍", true)).await.unwrap();
    let shown: Vec<_> = row.reactions.iter().map(|one| (one.emoji.as_str(), one.people.len())).collect();
    assert_eq!(shown, [("👍", 2), ("🎉", 1)]);
    assert_eq!(row.reactions[0].people, [bob.id(), alice.id()]);
    let row = bob.call::<React>(&react("👍", false)).await.unwrap();
    assert_eq!(row.reactions.len(), 2);
    let gone = alice.call::<DeleteMessage>(&OneMessage { channel: general, id }).await.unwrap();
    assert!(gone.deleted && gone.text.is_empty() && gone.reactions.is_empty());
    let late = alice.call::<EditMessage>(&edit).await;
    assert_eq!(late.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_enrolled_can_do_nothing_else_and_a_wrong_password_locks_after_five() {
    let host = Host::start().await;
    host.join("alice").await;
    let known = host.known().await;
    let device = Arc::new(StaticKey::random().unwrap());
    let mut stranger = support::Session::open(host.port, &known, &device).await.unwrap();
    assert_eq!(stranger.call::<WhoAmI>(&Nothing {}).await.unwrap_err().code, Code::SignedOut);

    let try_with =
        |name: &str, password: &str| Credential::Password { name: name.into(), password: password.into(), code: None };
    for name in ["alice", "nobody"] {
        for _ in 0..5 {
            let refused = host.enrol(&device, try_with(name, "not the password")).await;
            assert_eq!(refused.err().unwrap().code, Code::Denied);
        }
        let locked = host.enrol(&device, try_with(name, PASSWORD)).await.err().unwrap();
        assert_eq!(locked.code, Code::LockedOut);
        assert!(locked.seconds.unwrap() > 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_whose_answer_was_lost_can_be_asked_again() {
    let host = Host::start().await;
    let invite = host.invite(1).await;
    let code = invite.parse::<Invite>().unwrap().code;
    let device = Arc::new(StaticKey::random().unwrap());
    let credential = Credential::Invite { code: code.clone(), name: "Alice".into(), password: PASSWORD.into() };
    let first = host.enrol(&device, credential).await.unwrap();
    // Enrolled, this device's sessions no longer enrol; the client asks who it is.
    let mut again = first;
    again.again(&host).await;
    assert_eq!(again.call::<WhoAmI>(&Nothing {}).await.unwrap(), again.me);
    // Somebody else cannot use the invite again.
    let other = Credential::Invite { code, name: "bob".into(), password: PASSWORD.into() };
    let refused = host.enrol(&Arc::new(StaticKey::random().unwrap()), other).await;
    assert_eq!(refused.err().unwrap().code, Code::Denied);
    // Nor can anyone take a name that differs in case only.
    let taken = Credential::Invite {
        code: host.invite(1).await.parse::<Invite>().unwrap().code,
        name: "ALICE".into(),
        password: PASSWORD.into(),
    };
    let refused = host.enrol(&Arc::new(StaticKey::random().unwrap()), taken).await;
    assert_eq!(refused.err().unwrap().code, Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_out_device_gets_its_answer_and_nothing_more() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let general = alice.general().await;
    alice.call::<SignOut>(&Nothing {}).await.unwrap();
    let mut told = false;
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::from_secs(1), alice.session.event()).await {
        told |= matches!(event, Event::SignedOut { .. });
    }
    assert!(told, "the device is told that it is signed out");
    alice.again(&host).await;
    assert_eq!(alice.send(general, "still me").await.unwrap_err().code, Code::SignedOut);
    let phone = Credential::Password { name: "alice".into(), password: PASSWORD.into(), code: None };
    let mut phone = host.enrol(&Arc::new(StaticKey::random().unwrap()), phone).await.unwrap();
    let devices = phone.call::<ListDevices>(&Nothing {}).await.unwrap().devices;
    assert_eq!(
        devices.iter().map(|device| (device.revoked, device.this)).collect::<Vec<_>>(),
        [(true, false), (false, true)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn read_marks_go_forward_only_and_reach_ones_own_devices_only() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    for number in 0..5 {
        alice.send(general, &format!("{number}")).await.unwrap();
    }
    bob.sync(0).await;
    let mark = |seq| MarkReadParams { channel: general, seq };
    assert_eq!(alice.call::<MarkRead>(&mark(3)).await.unwrap().seq, 3);
    assert_eq!(alice.call::<MarkRead>(&mark(2)).await.unwrap().seq, 3);
    assert_eq!(alice.call::<MarkRead>(&mark(900)).await.unwrap().seq, 5);
    assert!(bob.session.quiet().await);
    alice.again(&host).await;
    let (_, rows, _) = alice.sync(0).await;
    let marks: Vec<_> =
        rows.iter().filter_map(|row| if let Row::Read(row) = row { Some(row.seq) } else { None }).collect();
    assert_eq!(marks, [5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_reach_ones_own_devices_only_and_go_with_what_was_sent() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    bob.sync(0).await;
    let put =
        |text: &str, base, token| PutDraftParams { channel: general, thread: None, text: text.into(), base, token };
    let drafts = |rows: &[Row]| -> Vec<(String, u64)> {
        let draft = |row: &Row| if let Row::Draft(row) = row { Some((row.text.clone(), row.revision)) } else { None };
        rows.iter().filter_map(draft).collect()
    };
    let first = alice.call::<PutDraft>(&put("half", 0, 1)).await.unwrap();
    assert!(first.accepted);
    assert!(bob.session.quiet().await);
    alice.again(&host).await;
    let (_, rows, _) = alice.sync(0).await;
    assert_eq!(drafts(&rows), [("half".to_owned(), 1)]);
    // Another device was first.
    let late = alice.call::<PutDraft>(&put("other", 0, 2)).await.unwrap();
    assert_eq!((late.accepted, late.draft.text.as_str()), (false, "half"));
    alice.send(general, "half").await.unwrap();
    alice.again(&host).await;
    let (_, rows, _) = alice.sync(first.draft.change).await;
    assert_eq!(drafts(&rows), [(String::new(), 2)]);
    // A device that begins anew may have it still: what is typed outlives the cache.
    alice.again(&host).await;
    let (_, rows, _) = alice.sync(0).await;
    assert_eq!(drafts(&rows), [(String::new(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_tells_its_sessions_to_come_again() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    alice.sync(0).await;
    host.stop().await;
    assert!(matches!(alice.session.event().await, Some(Event::Draining { .. })));
    assert!(alice.session.closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_for_the_one_before_it() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let general = alice.general().await;
    let first = message_id();
    let mut second = SendMessageParams {
        id: message_id(),
        channel: general,
        text: "second".into(),
        files: Vec::new(),
        thread: None,
        after: Some(first),
    };
    assert_eq!(alice.call::<SendMessage>(&second).await.unwrap_err().code, Code::Busy);
    let params = SendMessageParams {
        id: first,
        channel: general,
        text: "first".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    assert_eq!(alice.call::<SendMessage>(&params).await.unwrap().seq, 1);
    assert_eq!(alice.call::<SendMessage>(&second).await.unwrap().seq, 2);
    // Asked again, it is there, whatever it follows.
    second.after = Some(message_id());
    assert_eq!(alice.call::<SendMessage>(&second).await.unwrap().seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_is_committed_at_once_everybody_hears_all_of_it() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    bob.sync(0).await;
    let long = "x".repeat(60_000);
    for _ in 0..60 {
        let params = SendMessageParams {
            id: message_id(),
            channel: general,
            text: long.clone(),
            files: Vec::new(),
            thread: None,
            after: None,
        };
        alice.session.post::<SendMessage>(&params).await;
    }
    let (mut heard, mut last) = (0, 0);
    while heard < 60 {
        let changes = bob.session.changes().await;
        assert!(changes.to > last, "the cursor moves forward");
        last = changes.to;
        heard += texts(&changes.rows).len();
    }
    assert_eq!(heard, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_are_not_enrolled_stay_few_and_people_get_through() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    alice.general().await;
    let known = host.known().await;
    let mut strangers = Vec::new();
    for _ in 0..140 {
        let device = Arc::new(StaticKey::random().unwrap());
        let mut session = support::Session::open(host.port, &known, &device).await.unwrap();
        assert_eq!(session.call::<WhoAmI>(&Nothing {}).await.unwrap_err().code, Code::SignedOut);
        strangers.push(session);
    }
    assert!(strangers[0].closed().await, "the oldest stranger makes room");
    assert_eq!(alice.call::<WhoAmI>(&Nothing {}).await.unwrap().person.name, "alice");
    host.join("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_no_more_than_a_few_one_after_the_other() {
    let host = Arc::new(Host::start().await);
    host.join("alice").await;
    let guesses = (0..12).map(|number| {
        let host = host.clone();
        tokio::spawn(async move {
            let device = Arc::new(StaticKey::random().unwrap());
            let password = format!("guess number {number}");
            let credential = Credential::Password { name: "alice".into(), password, code: None };
            host.enrol(&device, credential).await.err().unwrap().code
        })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut answered = Vec::new();
    for guess in guesses {
        answered.push(guess.await.unwrap());
    }
    assert_eq!(answered.iter().filter(|code| **code == Code::Denied).count(), 5, "{answered:?}");
    assert_eq!(answered.iter().filter(|code| **code == Code::LockedOut).count(), 7, "{answered:?}");
}

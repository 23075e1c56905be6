//! What a device is never told: words that stand out are put into every field that some receivers may not see, and everything
//! that comes to an ordinary member and to a guest, as events and as answers to lists, is looked through for them. Beside that,
//! the fields of each kind of row are written down here, so that a new one is thought about before it travels.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use support::{Host, PASSWORD, Person, Session, channel_id, message_id, proof};
use thechatapp_protocol::event::{ChannelKind, Visibility};
use thechatapp_protocol::identity::Invite;
use thechatapp_protocol::methods::account::*;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::ListDevices;
use thechatapp_protocol::methods::drafts::{PutDraft, PutDraftParams};
use thechatapp_protocol::methods::files::{BeginUpload, BeginUploadParams};
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::{CreatePoll, CreatePollParams};
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::saved::{Save, SaveParams};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::session::{Kind, StaticKey};
use thechatapp_protocol::wire::{decode, encode};
use thechatapp_protocol::{ChannelId, Event, FileId, GroupId, Method, RoleId, Row};

/// The fields of each kind of row. Whoever adds one says here that every receiver of the row may see it.
const FIELDS: [(&str, &[&str]); 9] = [
    ("draft", &["channel", "thread", "text", "revision", "tokens", "change"]),
    ("person", &["id", "name", "imported", "active", "rank", "change"]),
    ("channel", &["id", "kind", "name", "topic", "head", "created", "change"]),
    ("member", &["channel", "person", "joined", "role", "change"]),
    (
        "message",
        &[
            "channel",
            "seq",
            "id",
            "author",
            "at",
            "text",
            "edited",
            "deleted",
            "thread",
            "reactions",
            "replies",
            "last_reply",
            "pinned",
            "poll",
            "files",
            "change",
        ],
    ),
    ("read", &["channel", "seq", "change"]),
    ("standing", &["rank", "powers", "change"]),
    ("group", &["id", "slug", "name", "visibility", "gone", "change"]),
    ("in_group", &["group", "inside", "change"]),
];

/// A receiver, and every byte that came to them.
struct Ear {
    person: Person,
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

impl Ear {
    async fn new(person: Person) -> Self {
        let mut ear = Self { person, bytes: Vec::new(), rows: Vec::new() };
        ear.begin().await;
        ear
    }

    async fn begin(&mut self) {
        self.person.session.post::<StartSync>(&StartSyncParams { after: 0 }).await;
        self.hear(|changes| changes.live).await;
    }

    /// Takes what comes until a batch that ends it.
    async fn hear(&mut self, ends: impl Fn(&thechatapp_protocol::Changes) -> bool) {
        loop {
            let message = self.person.session.next().await.expect("the session stays");
            self.bytes.extend_from_slice(&message.payload);
            assert_ne!(message.kind, Kind::Error);
            if message.kind == Kind::Event
                && let Event::Changes(changes) = decode(&message.payload).unwrap()
            {
                self.rows.extend(changes.rows.iter().cloned());
                if ends(&changes) {
                    return;
                }
            }
        }
    }

    /// Waits for everything up to now: one's own words to oneself come last.
    async fn settle(&mut self, notes: ChannelId) {
        let id = message_id();
        let send = SendMessageParams {
            id,
            channel: notes,
            text: "so far".into(),
            files: Vec::new(),
            thread: None,
            after: None,
        };
        self.person.session.post::<SendMessage>(&send).await;
        self.hear(|changes| changes.rows.iter().any(|row| matches!(row, Row::Message(row) if row.id == id))).await;
    }

    /// What an answer holds, too.
    async fn ask<M: Method>(&mut self, params: &M::Params) {
        let answer = match self.person.call::<M>(params).await {
            Ok(answer) => encode(&answer).unwrap(),
            Err(refused) => encode(&refused).unwrap(),
        };
        self.bytes.extend(answer);
        for event in std::mem::take(&mut self.person.session.events) {
            self.bytes.extend(encode(&event).unwrap());
        }
    }

    fn has(&self, canary: &str) -> bool {
        self.bytes.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()))
    }
}

/// An account whose device has a name that stands out.
async fn join_on(host: &Host, name: &str, device_name: &str) -> Person {
    let code = host.invite(1).await.parse::<Invite>().unwrap().code;
    let credential = Credential::Invite { code, name: name.into(), password: PASSWORD.into() };
    let (known, device) = (host.known().await, Arc::new(StaticKey::random().unwrap()));
    let mut session = Session::open(host.port, &known, &device).await.unwrap();
    let proof = DeviceProof { name: device_name.into(), ..proof(&session, &device) };
    let me = session.call::<Enrol>(&EnrolParams { credential, device: proof }).await.unwrap();
    Person { session: Session::open(host.port, &known, &device).await.unwrap(), me, device }
}

async fn notes(person: &mut Person) -> ChannelId {
    person.call::<OpenDirect>(&OpenDirectParams { people: Vec::new() }).await.unwrap().id
}

/// Everything that carries a word into a channel.
async fn fill(by: &mut Person, kind: ChannelKind, word: &str) -> ChannelId {
    let channel = channel_id();
    let create = CreateChannelParams { id: channel, name: format!("{word}Name"), kind };
    by.call::<CreateChannel>(&create).await.unwrap();
    by.call::<SetTopic>(&SetTopicParams { channel, topic: format!("{word}Topic") }).await.unwrap();
    by.send(channel, &format!("{word}Text")).await.unwrap();
    let options = vec![format!("{word}Option"), "b".to_owned()];
    let question = format!("{word}Question");
    let ask = CreatePollParams { id: message_id(), channel, question, options, multiple: false };
    by.call::<CreatePoll>(&ask).await.unwrap();
    let (file, name) = (FileId::from_bytes(*message_id().as_bytes()), format!("{word}File.txt"));
    let begin = BeginUploadParams { file, channel, name, media_type: "text/plain".into(), size: 1 };
    by.call::<BeginUpload>(&begin).await.unwrap();
    channel
}

async fn group(by: &mut Person, visibility: Visibility, word: &str) -> GroupId {
    let id = GroupId::from_bytes(*message_id().as_bytes());
    let (slug, name) = (format!("{}slug", word.to_lowercase()), format!("{word}GroupName"));
    by.call::<CreateGroup>(&GroupParams { id, slug, name, visibility }).await.unwrap();
    id
}

async fn ask_around(ear: &mut Ear) {
    ear.ask::<WhoAmI>(&Nothing {}).await;
    ear.ask::<ListGroups>(&ListGroupsParams::default()).await;
    ear.ask::<ListRoles>(&Nothing {}).await;
    ear.ask::<ListDevices>(&Nothing {}).await;
    for words in ["Canary", "can*"] {
        ear.ask::<Search>(&SearchParams { words: words.into(), limit: 20, ..Default::default() }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_device_is_told_what_its_person_may_not_see() {
    let host = Host::start().await;
    let mut olga = host.join_by(&host.owner_invite.clone(), "olga").await;
    let mut ann = join_on(&host, "CanaryAnnsName", "CanaryDevice").await;
    let (mut bob, mut gast) = (host.join("bob").await, host.join("gast").await);
    let general = olga.general().await;
    let (bobs, gasts, anns) = (notes(&mut bob).await, notes(&mut gast).await, notes(&mut ann).await);
    olga.call::<SetRank>(&SetRankParams { person: gast.id(), rank: Rank::Guest }).await.unwrap();
    let _ = gast.call::<LeaveChannel>(&InChannel { channel: general }).await;
    for person in [&mut bob, &mut gast, &mut ann] {
        person.again(&host).await;
    }
    let (mut bob, mut gast, mut ann) = (Ear::new(bob).await, Ear::new(gast).await, Ear::new(ann).await);

    let hidden = fill(&mut olga, ChannelKind::Private, "CanaryPrivate").await;
    let add = AddMemberParams { channel: hidden, person: ann.person.id() };
    olga.call::<AddMember>(&add).await.unwrap();
    olga.send(hidden, "CanaryPrivateLater").await.unwrap();
    fill(&mut olga, ChannelKind::Public, "CanaryPublic").await;
    let direct = OpenDirectParams { people: vec![ann.person.id()] };
    let direct = olga.call::<OpenDirect>(&direct).await.unwrap().id;
    olga.send(direct, "CanaryDirectText").await.unwrap();
    let inside = group(&mut olga, Visibility::Hidden, "CanaryHidden").await;
    let member = GroupMemberParams { group: inside, member: Holder::Person(ann.person.id()), manager: false };
    olga.call::<AddToGroup>(&member).await.unwrap();
    group(&mut olga, Visibility::Public, "CanaryOpen").await;
    let role = Role {
        id: RoleId::from_bytes(*message_id().as_bytes()),
        name: "CanaryRoleName".into(),
        powers: Powers::NONE.with(Power::Audit),
    };
    olga.call::<CreateRole>(&role).await.unwrap();
    let grant = Grant { role: role.id, to: Holder::Person(ann.person.id()), within: None };
    olga.call::<GrantRole>(&grant).await.unwrap();
    let message = message_id();
    let text = "for everybody here".to_owned();
    let send = SendMessageParams { id: message, channel: general, text, files: Vec::new(), thread: None, after: None };
    let seq = olga.call::<SendMessage>(&send).await.unwrap().seq;
    let save = SaveParams { channel: general, id: message, note: Some("CanaryNote".into()) };
    ann.person.call::<Save>(&save).await.unwrap();
    ann.person.call::<MarkRead>(&MarkReadParams { channel: general, seq }).await.unwrap();
    let text = "CanaryDraft".to_owned();
    let draft = PutDraftParams { channel: general, thread: Some(message), text, base: 0, token: 1 };
    ann.person.call::<PutDraft>(&draft).await.unwrap();
    let code = host.invite(1).await.parse::<Invite>().unwrap().code;

    for (ear, notes) in [(&mut bob, bobs), (&mut gast, gasts), (&mut ann, anns)] {
        ear.settle(notes).await;
        // And once more from the beginning, as a new device of theirs.
        ear.person.again(&host).await;
        ear.begin().await;
        ask_around(ear).await;
    }

    // Those who may see them do: a search that finds nothing anywhere would prove nothing.
    for canary in [
        "CanaryPrivateName",
        "CanaryPrivateTopic",
        "CanaryPrivateText",
        "CanaryPrivateOption",
        "CanaryPrivateQuestion",
        "CanaryPrivateLater",
        "CanaryDirectText",
        "CanaryHiddenSlug",
        "CanaryHiddenGroupName",
    ] {
        assert!(ann.has(canary), "{canary} did not come to who may see it");
        assert!(!bob.has(canary), "{canary} came to a member");
        assert!(!gast.has(canary), "{canary} came to a guest");
    }
    for canary in ["CanaryPublicName", "CanaryPublicTopic", "CanaryOpenSlug", "CanaryOpenGroupName", "CanaryRoleName"] {
        assert!(bob.has(canary), "{canary} did not come to a member");
        assert!(!gast.has(canary), "{canary} came to a guest");
    }
    assert!(bob.has("CanaryAnnsName") && !gast.has("CanaryAnnsName"), "who the others are");
    assert!(!gast.has("olga") && !gast.has("for everybody here"));
    assert!(ann.has("CanaryDevice"), "one's own devices are listed");
    for (name, ear) in [("a member", &bob), ("a guest", &gast)] {
        for canary in
            ["CanaryNote", "CanaryDraft", "CanaryDevice", "CanaryPrivateFile", "CanaryPublicFile", "$argon2", &code]
        {
            assert!(!ear.has(canary), "{canary} came to {name}");
        }
        assert!(!ear.rows.iter().any(|row| matches!(row, Row::Read(_))), "another's read mark came to {name}");
        let standings = ear.rows.iter().filter_map(|row| match row {
            Row::Standing(row) => Some(row.powers),
            _ => None,
        });
        assert!(standings.into_iter().all(|powers| powers == Powers::NONE), "another's powers came to {name}");
    }
    assert!(!ann.has("$argon2") && !ann.has(&code));
    for ear in [&bob, &gast, &ann] {
        check_fields(&ear.rows);
    }
}

/// No row has a field that is not written down.
fn check_fields(rows: &[Row]) {
    for row in rows {
        let value = serde_json::to_value(row).unwrap();
        let (kind, fields) = value.as_object().unwrap().iter().next().unwrap();
        let allowed = FIELDS.iter().find(|(known, _)| known == kind).expect("a kind of row that is written down").1;
        for field in fields.as_object().unwrap().keys() {
            assert!(allowed.contains(&field.as_str()), "{kind}.{field} is not written down");
        }
    }
}

use super::*;
use thechatapp_core::view::{
    DeviceKindView, DeviceView, HitView, IdentityStepView, PersonView, PinView, PollOptionView, PollView, RankView,
    Reason, ShownIdentityView, UpdateView,
};
use thechatapp_core::{AccountId, DeviceId, MessageId, WorkspaceId};

fn bytes(last: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = last;
    bytes
}

fn person(name: &str) -> PersonView {
    PersonView { id: AccountId::from_bytes(bytes(7)), name: name.into(), imported: false, rank: None }
}

fn channel(kind: ChannelKindView, name: &str) -> ChannelView {
    ChannelView {
        id: ChannelId::from_bytes(bytes(1)),
        kind,
        name: name.into(),
        topic: "What is new".into(),
        joined: true,
        unread: 2,
        mentions: 1,
        head: 12,
        read: 10,
        members: 3,
        draft: false,
        archived: false,
        people: Vec::new(),
    }
}

fn message() -> MessageView {
    MessageView {
        workspace: "acme".into(),
        channel: ChannelId::from_bytes(bytes(1)),
        seq: Some(12),
        id: MessageId::from_bytes(bytes(2)),
        author: person("Ana Reis"),
        at: Timestamp(1_795_511_520_000),
        text: "Good morning".into(),
        edited: true,
        deleted: false,
        thread: Some(MessageId::from_bytes(bytes(3))),
        reactions: vec![ReactionView { emoji: "👍".into(), people: vec!["Ben".into()], count: 1, mine: false }],
        replies: 2,
        last_reply: Some(Timestamp(1_795_511_580_000)),
        pinned: Some(PinView { by: person("Ben"), at: Timestamp(1_795_511_640_000) }),
        poll: None,
        files: vec![FileView { id: "f".into(), name: "a.txt".into(), media_type: "text/plain".into(), size: 3 }],
        state: MessageState::Sent,
        mine: true,
        failure: None,
    }
}

fn names() -> Names {
    Names::of(&[channel(ChannelKindView::Public, "general")])
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn a_message_in_json() {
    assert_eq!(
        json(&Message::new(&message(), &names())),
        concat!(
            r#"{"workspace":"acme","channel":"general","seq":12,"id":"00000000-0000-0000-0000-000000000002","#,
            r#""author":"Ana Reis","at":"2026-11-24T09:12:00.000Z","text":"Good morning","edited":true,"deleted":false,"#,
            r#""thread":"00000000-0000-0000-0000-000000000003","#,
            r#""reactions":[{"emoji":"👍","people":["Ben"],"count":1,"mine":false}],"#,
            r#""replies":2,"last_reply":"2026-11-24T09:13:00.000Z","#,
            r#""pinned":{"by":"Ben","at":"2026-11-24T09:14:00.000Z"},"poll":null,"#,
            r#""files":[{"id":"f","name":"a.txt","type":"text/plain","size":3}],"state":"sent"}"#
        )
    );
}

#[test]
fn a_message_that_waits_has_no_number() {
    let waiting =
        MessageView { seq: None, thread: None, replies: 0, pinned: None, state: MessageState::Pending, ..message() };
    let text = json(&Message::new(&waiting, &names()));
    assert!(
        text.contains(r#""seq":null"#) && text.contains(r#""thread":null"#) && text.contains(r#""state":"pending""#)
    );
    assert!(message_text(&waiting).ends_with("(edited) (waits to be sent)\n        [a.txt, 3 bytes, f]\n        👍 1"));
}

#[test]
fn a_hit_is_a_message_with_highlights() {
    let hit = HitView { message: message(), channel_name: "general".into(), highlights: vec![(0, 4)] };
    let text = json(&Hit::new(&hit, &names()));
    assert!(text.starts_with(r#"{"workspace":"acme","channel":"general""#));
    assert!(text.ends_with(r#""state":"sent","highlights":[[0,4]]}"#));
}

#[test]
fn a_channel_in_json() {
    assert_eq!(
        json(&Channel::new(&channel(ChannelKindView::Private, "general"))),
        concat!(
            r#"{"id":"00000000-0000-0000-0000-000000000001","name":"general","kind":"private","topic":"What is new","#,
            r#""joined":true,"unread":2,"mentions":1,"head":12,"read":10,"members":3,"archived":false}"#
        )
    );
}

#[test]
fn a_direct_conversation_goes_by_the_name_that_commands_take() {
    let direct = channel(ChannelKindView::Direct, "Ana Reis");
    assert_eq!(Names::of(std::slice::from_ref(&direct)).name(direct.id), "@Ana Reis");
    assert!(json(&Channel::new(&direct)).contains(r#""name":"@Ana Reis","kind":"direct""#));
    assert_eq!(Names::default().name(direct.id), direct.id.to_string());
}

fn watched() -> AuditStatus {
    AuditStatus { state: "watched", size: Some(4), root: None, at: None, alarms: Vec::new(), unchecked: None }
}

fn workspace() -> WorkspaceView {
    WorkspaceView {
        id: WorkspaceId::from_bytes(bytes(9)),
        workspace: "acme".into(),
        name: "Acme".into(),
        url: "https://chat.example.org".into(),
        me: person("Ana Reis"),
        device: DeviceId::from_bytes(bytes(8)),
        connection: Connection::Offline {
            why: "connection refused".into(),
            retry_in: 100,
            reason: Reason::Unreachable,
        },
        unread: 4,
        waiting: 1,
        update: None,
        rebuilding: None,
    }
}

fn identity() -> IdentityView {
    IdentityView {
        workspace: "acme".into(),
        url: "https://chat.example.org".into(),
        pin: "pin".into(),
        words: "lusab-babad".into(),
        qr: "<svg/>".into(),
        since: Timestamp(0),
        source: "invite".into(),
        epoch: 5,
        shown: None,
        history: vec![IdentityStepView {
            at: Timestamp(0),
            what: "first".into(),
            pin: "pin".into(),
            words: "lusab-babad".into(),
        }],
    }
}

#[test]
fn who_one_is_in_json() {
    assert_eq!(
        json(&Whoami::new(&workspace())),
        concat!(
            r#"{"workspace":"acme","name":"Ana Reis","url":"https://chat.example.org","#,
            r#""account":"00000000-0000-0000-0000-000000000007","device":"00000000-0000-0000-0000-000000000008"}"#
        )
    );
    assert_eq!(
        json(&Joined::new(&workspace(), &identity())),
        concat!(
            r#"{"workspace":"acme","name":"Ana Reis","url":"https://chat.example.org","pin":"pin","#,
            r#""account":"00000000-0000-0000-0000-000000000007","device":"00000000-0000-0000-0000-000000000008"}"#
        )
    );
}

#[test]
fn an_identity_in_json() {
    assert_eq!(
        json(&Identity::new(&identity())),
        concat!(
            r#"{"workspace":"acme","url":"https://chat.example.org","pin":"pin","words":"lusab-babad","#,
            r#""since":"1970-01-01T00:00:00.000Z","source":"invite","epoch":5,"shown":null,"#,
            r#""history":[{"at":"1970-01-01T00:00:00.000Z","what":"first","pin":"pin","words":"lusab-babad"}]}"#
        )
    );
    let shown = ShownIdentityView { pin: "other".into(), words: "babad-lusab".into(), at: Timestamp(1000) };
    let changed = IdentityView { shown: Some(shown), ..identity() };
    assert!(
        json(&Identity::new(&changed))
            .contains(r#""shown":{"pin":"other","words":"babad-lusab","at":"1970-01-01T00:00:01.000Z"}"#)
    );
    assert!(identity_text(&changed).contains("THE SERVER SHOWS ANOTHER IDENTITY"));
}

#[test]
fn a_standing_in_json() {
    assert_eq!(
        json(&Standing::new(&workspace(), &watched())),
        concat!(
            r#"{"workspace":"acme","name":"Ana Reis","url":"https://chat.example.org","connection":"offline","#,
            r#""why":"connection refused","unread":4,"waiting":1,"audit":"watched"}"#
        )
    );
}

#[test]
fn a_standing_of_an_app_that_is_too_old() {
    let update = UpdateView { required: true, minimum: Some("9.0.0".into()), channel: "beta".into() };
    let workspace = WorkspaceView { update: Some(update), ..workspace() };
    let said = json(&Standing::new(&workspace, &watched()));
    assert!(said.ends_with(r#""update":{"required":true,"minimum":"9.0.0","channel":"beta"}}"#), "{said}");
    assert!(
        standing_text(&workspace).ends_with("this app is older than 9.0.0, which the workspace asks for: update it")
    );
}

#[test]
fn somebody_in_json() {
    let ana = PersonView { rank: Some(RankView::Guest), ..person("Ana Reis") };
    let said = json(&Person::new(&ana));
    assert!(said.ends_with(r#""name":"Ana Reis","rank":"guest","imported":false}"#), "{said}");
    assert!(json(&Person::new(&person("Ana Reis"))).contains(r#""rank":null"#));
}

#[test]
fn a_device_in_json() {
    let device = DeviceView {
        id: DeviceId::from_bytes(bytes(8)),
        name: "desk".into(),
        platform: "linux".into(),
        enrolled: Timestamp(0),
        last_seen: None,
        revoked: false,
        this: true,
        kind: DeviceKindView::Device,
        address: Some("192.0.2.7".into()),
    };
    assert_eq!(
        json(&Device::new(&device)),
        concat!(
            r#"{"id":"00000000-0000-0000-0000-000000000008","name":"desk","platform":"linux","#,
            r#""enrolled":"1970-01-01T00:00:00.000Z","last_seen":null,"revoked":false,"this":true,"#,
            r#""kind":"device","address":"192.0.2.7"}"#
        )
    );
}

#[test]
fn a_message_for_people_keeps_its_lines_together_and_obeys_nobody() {
    let shown = message_text(&MessageView { text: "one\ntwo\u{1b}[2J".into(), edited: false, ..message() });
    assert!(shown.starts_with("    12  2026-11-24 09:12Z  Ana Reis: one\n        two\u{fffd}[2J"), "{shown}");
}

#[test]
fn a_poll_for_machines_and_for_people() {
    let option = |text: &str, people: &[&str], mine| PollOptionView {
        text: text.into(),
        people: people.iter().map(|name| (*name).into()).collect(),
        mine,
    };
    let options = vec![option("yes", &["Ana Reis", "Ben"], true), option("no", &[], false)];
    let poll = PollView { multiple: false, closed: Some(Timestamp(1_795_511_640_000)), voters: 2, options };
    let asked = MessageView { poll: Some(poll), replies: 0, files: Vec::new(), reactions: Vec::new(), ..message() };
    assert!(json(&Message::new(&asked, &names())).contains(concat!(
        r#""poll":{"multiple":false,"closed":"2026-11-24T09:14:00.000Z","voters":2,"options":["#,
        r#"{"text":"yes","votes":2,"people":["Ana Reis","Ben"],"mine":true},"#,
        r#"{"text":"no","votes":0,"people":[],"mine":false}]}"#
    )));
    let text = message_text(&asked);
    assert!(text.ends_with("\n       *1. yes: 2 (Ana Reis, Ben)\n        2. no: 0\n        2 voted, closed"), "{text}");
}

use super::super::tests::{ALICE, Store};
use super::super::{channels, devices, edits, people, saved};
use super::*;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::DevicePublic;

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn all(store: &Store) -> Found {
    let mut all = names_and_keys(view(store)).unwrap();
    let mut at = Some(At::default());
    while let Some(from) = at {
        let (found, next) = values(view(store), &from).unwrap();
        all.values += found.values;
        all.problems.extend(found.problems);
        at = next;
    }
    all
}

#[test]
fn each_value_that_does_not_open_is_named_by_its_place_alone() {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Owner)).unwrap();
    let device = devices::New {
        id: DeviceId::from_bytes([4; 16]),
        key: DevicePublic([1; 32]),
        signing_key: [2; 32],
        name: "laptop".into(),
        platform: "linux".into(),
    };
    store.job(|tx| devices::insert(tx, ALICE, &device)).unwrap();
    let channel = store.channel(1);
    store.job(|tx| channels::set_topic(tx, channel, "a topic")).unwrap();
    for number in 0..5 {
        store.send(channel, number, None);
    }
    store.job(|tx| factors::begin(tx, ALICE, &[7; 20])).unwrap();
    let place = channel.place(2);
    store.job(|tx| crate::store::messages::edit(tx, channel, place, "second")).unwrap();
    store.job(|tx| saved::save(tx, channel, place, ALICE, Some("a note"))).unwrap();
    assert_eq!(edits::versions(view(&store), channel, place, 0).unwrap().versions.len(), 2);
    // A name, a device, a second factor, five texts, a topic, a former text, a note, and the keys of a workspace and a channel.
    assert_eq!(all(&store), Found { values: 3 + 5 + 3 + 4 + 1, problems: Vec::new() });

    // Values of one row in another's place, as somebody would put them there who can write to an opened database.
    for (sql, named) in [
        (
            "UPDATE messages SET body = (SELECT body FROM messages m WHERE m.place = messages.place + 1) WHERE place = ?1",
            "messages.body",
        ),
        ("UPDATE edits SET body = (SELECT body FROM messages m WHERE m.place = ?1)", "edits.body"),
        ("UPDATE channels SET topic = (SELECT note FROM saved WHERE place = ?1)", "channels.topic"),
        ("UPDATE saved SET note = (SELECT body FROM messages m WHERE m.place = ?1)", "saved.note"),
        ("UPDATE devices SET name = (SELECT name FROM people WHERE ?1)", "devices.name"),
        ("UPDATE totp SET revision = revision + 1 WHERE ?1", "totp.secret"),
        ("UPDATE people SET name = (SELECT wrapped FROM keys WHERE ?1 LIMIT 1)", "people.name"),
        ("UPDATE keys SET wrapped = zeroblob(104) WHERE what = 'names' AND ?1", "keys.wrapped of row names/"),
    ] {
        store.db.execute_batch("SAVEPOINT one").unwrap();
        assert_eq!(store.db.execute(sql, [place]).unwrap(), 1, "{sql}");
        let found = all(&store);
        assert_eq!(found.problems.len(), 1, "{named}: {:?}", found.problems);
        assert!(found.problems[0].starts_with(named), "{:?}", found.problems);
        assert!(!found.problems[0].contains("alice"));
        store.db.execute_batch("ROLLBACK TO one; RELEASE one").unwrap();
    }
}

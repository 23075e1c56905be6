use super::super::audit::By;
use super::super::tests::{ALICE, Store};
use super::super::{channels, devices, people, settings, wipes};
use super::*;
use crate::time::now;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::settings::Value;
use thechatapp_protocol::{ChannelId, DeviceId};

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb0; 16]));

fn store(bounds: &[(&'static Setting, u64)]) -> Store {
    let store = Store::new();
    for (id, name) in [(ALICE, "alice"), (BOB, "bob")] {
        store.job(|tx| people::create(tx, id, name, "hash", Rank::Member).map(|_| ())).unwrap();
    }
    for (setting, number) in bounds {
        store.job(|tx| settings::set(tx, (ALICE, By::HOST), setting, Some(Value::Number(*number)), 0)).unwrap();
    }
    store
}

fn make(store: &Store, number: u8, maker: Option<AccountId>) -> Option<Code> {
    let id = ChannelId::from_bytes([number; 16]);
    let made = store.job(|tx| channels::create(tx, id, &format!("c{number}"), ChannelKind::Public, maker, false));
    match made {
        Ok(_) => None,
        Err(Fail::Refused(body)) => {
            assert!(body.why.contains("per_"), "it names the setting: {}", body.why);
            Some(body.code)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn one_person_makes_so_many_channels_in_a_day_and_so_many_in_all() {
    let store = store(&[(CHANNELS_PER_DAY, 2), (CHANNELS_PER_PERSON, 3)]);
    assert_eq!([1, 2, 3].map(|number| make(&store, number, Some(ALICE))), [None, None, Some(Code::Denied)]);
    assert_eq!(make(&store, 4, Some(BOB)), None, "others make theirs");
    assert_eq!(make(&store, 5, None), None, "and the host its own");
    store.db.execute("UPDATE channels SET created = created - ?1", [DAY]).unwrap();
    assert_eq!([6, 7].map(|number| make(&store, number, Some(ALICE))), [None, Some(Code::Denied)]);
    store.db.execute("UPDATE channels SET created = created - ?1", [DAY]).unwrap();
    assert_eq!(make(&store, 8, Some(ALICE)), Some(Code::Denied), "in all");
    let body = store.job(|tx| channels(tx.view(), ALICE, now())).err().unwrap().into_body();
    assert!(body.why.contains("server.channels_per_person"), "{body:?}");
}

#[test]
fn conversations_count_for_who_began_them() {
    let store = store(&[(CONVERSATIONS_PER_PERSON, 1)]);
    let open = |number: u8, maker: AccountId, people: &[AccountId]| {
        store.job(|tx| channels::direct(tx, ChannelId::from_bytes([number; 16]), people, Some(maker)))
    };
    open(1, ALICE, &[ALICE, BOB]).unwrap();
    open(2, ALICE, &[ALICE, BOB]).unwrap();
    assert!(open(3, ALICE, &[ALICE]).is_err());
    open(4, BOB, &[BOB]).unwrap();
    // Who began what is no longer known of somebody who was wiped.
    store.job(|tx| wipes::begin_person(tx, ALICE)).unwrap();
    let made: i64 =
        store.db.query_row("SELECT count(*) FROM channels WHERE maker IS NOT NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(made, 1);
}

#[test]
fn an_account_has_so_many_devices_and_one_that_is_revoked_makes_room() {
    let store = store(&[(DEVICES_PER_ACCOUNT, 2)]);
    let enrol = |number: u8, person: AccountId| {
        store.job(|tx| {
            devices(tx.view(), person)?;
            let (id, key) = (DeviceId::from_bytes([number; 16]), DevicePublic([number; 32]));
            let device =
                devices::New { id, key, signing_key: [number; 32], name: "laptop".into(), platform: "linux".into() };
            devices::insert(tx, person, &device)
        })
    };
    enrol(1, ALICE).unwrap();
    enrol(2, ALICE).unwrap();
    let body = enrol(3, ALICE).err().unwrap().into_body();
    assert!(body.code == Code::Denied && body.advice.contains("devices revoke"), "{body:?}");
    enrol(4, BOB).unwrap();
    store.job(|tx| devices::revoke(tx, DeviceId::from_bytes([1; 16])).map(|_| ())).unwrap();
    enrol(3, ALICE).unwrap();
}

use super::super::tests::{ALICE, Store};
use super::super::{devices, members, messages, people};
use super::*;
use crate::gate::{Caller, permit};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{Access, Code, ErrorBody, MessageId, Method, for_each_method};

/// Every call asks these: one that reads through a table would be noticed only when there are thousands of people.
#[test]
fn each_statement_goes_by_keys_alone() {
    let store = Store::new();
    for sql in [ALONE, TO_CHANNEL, TO_PERSON].concat() {
        let mut plan = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = plan.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>().unwrap();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("SCAN") && !step.contains("AUTOMATIC")), "{steps:?}");
    }
}

/// What a caller's method is refused with, and how much was asked of the database for it.
fn refused<M: Method>(store: &Store, asked: &AtomicUsize, caller: Caller, scope: Scope) -> Option<(ErrorBody, usize)> {
    store.db.flush_prepared_statement_cache();
    asked.store(0, Ordering::Relaxed);
    let view = View { db: &store.db, keyring: &store.keyring };
    let refused = permit::<M>(view, caller, scope).err()?.into_body();
    // Fault: this method has another scope.
    (refused.code != Code::Internal).then(|| (refused, asked.load(Ordering::Relaxed)))
}

/// So that time tells nothing either: how long statements take is measured elsewhere, with how much there is.
#[test]
fn whoever_may_not_see_something_costs_the_same_statements_as_what_is_not_there() {
    let mut store = Store::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let hook = move |context: AuthContext<'_>| {
        if matches!(context.action, AuthAction::Select) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Authorization::Allow
    };
    let id = |number: u8| ChannelId::from_bytes([number; 16]);
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Member)).unwrap();
    let hidden = store.job(|tx| channels::create(tx, id(1), "hidden", ChannelKind::Private, None, false)).unwrap();
    store.job(|tx| members::set(tx, hidden, ALICE, true)).unwrap();
    store.send(hidden, 7, None);
    let message = MessageId::from_bytes([7; 16]);
    let view = View { db: &store.db, keyring: &store.keyring };
    assert!(messages::find(view, hidden, message).unwrap().is_some());
    let mut callers = Vec::new();
    for (number, rank) in [(2, Rank::Guest), (3, Rank::Member), (4, Rank::Owner)] {
        let (person, device) = (AccountId::from_bytes([number; 16]), DeviceId::from_bytes([number; 16]));
        store.job(|tx| people::create(tx, person, &format!("person {number}"), "x", rank)).unwrap();
        let (name, platform) = ("test".to_owned(), "linux".to_owned());
        let new = devices::New { id: device, key: DevicePublic([number; 32]), signing_key: [1; 32], name, platform };
        store.job(|tx| devices::insert(tx, person, &new)).unwrap();
        let caller = Caller { person, device, from: std::net::Ipv4Addr::LOCALHOST.into(), replaced: false };
        callers.push((rank, caller));
    }
    store.db.authorizer(Some(hook)).unwrap();
    let mut compared = 0;
    let mut compare = |what: &str, there: Option<(ErrorBody, usize)>, nothing: Option<(ErrorBody, usize)>| {
        assert_eq!(there, nothing, "{what}");
        assert!(there.as_ref().is_none_or(|(_, asked)| *asked > 0), "{what}: nothing was counted");
        compared += usize::from(there.is_some());
    };
    macro_rules! each {
        ($($method:ty),+ $(,)?) => { $(
            if !matches!(<$method>::ACCESS, Access::Device | Access::Anyone) {
                for (rank, caller) in &callers {
                    let what = format!("{}, by {rank:?}", <$method>::NAME);
                    let ask = |scope| refused::<$method>(&store, &asked, *caller, scope);
                    compare(&what, ask(Scope::Channel(hidden.id)), ask(Scope::Channel(id(9))));
                    compare(&what, ask(Scope::Message(hidden.id, message)), ask(Scope::Message(id(9), message)));
                    if *rank == Rank::Guest {
                        compare(&what, ask(Scope::Person(ALICE)), ask(Scope::Person(AccountId::from_bytes([9; 16]))));
                    }
                }
            }
        )+ };
    }
    for_each_method!(each);
    assert!(compared > 100, "{compared}");
}

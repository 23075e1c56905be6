use super::*;
use crate::cache::schema;
use thechatapp_protocol::GroupId;
use thechatapp_protocol::event::Visibility;

const GROUP: GroupId = GroupId(uuid::Uuid::from_bytes([8; 16]));

fn cache() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    for step in schema::CACHE {
        db.execute_batch(step).unwrap();
    }
    db
}

fn row(change: u64) -> GroupRow {
    let (slug, name) = ("design".into(), "Design".into());
    GroupRow { id: GROUP, slug, name, visibility: Visibility::Public, gone: false, change }
}

#[test]
fn a_group_counts_as_ones_own_while_one_is_in_it_and_it_is_known() {
    let db = cache();
    // In whatever order they come.
    assert!(in_group(&db, InGroupRow { group: GROUP, inside: true, change: 5 }).unwrap());
    assert!(own_slugs(&db).unwrap().is_empty());
    assert!(group(&db, &row(4)).unwrap());
    assert_eq!(own_slugs(&db).unwrap(), ["design"]);
    assert!(!in_group(&db, InGroupRow { group: GROUP, inside: false, change: 3 }).unwrap(), "older than what is known");
    in_group(&db, InGroupRow { group: GROUP, inside: false, change: 6 }).unwrap();
    assert!(own_slugs(&db).unwrap().is_empty());
}

#[test]
fn what_is_gone_leaves_its_names_and_an_older_row_does_not_bring_them_back() {
    let db = cache();
    group(&db, &row(4)).unwrap();
    group(&db, &GroupRow { slug: String::new(), name: String::new(), gone: true, ..row(7) }).unwrap();
    assert!(!group(&db, &row(6)).unwrap());
    let named: i64 = db.query_row("SELECT count(*) FROM groups WHERE slug IS NOT NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(named, 0);
    assert!(group(&db, &row(8)).unwrap());
}

#[test]
fn ones_standing_is_the_newest_that_was_told() {
    let db = cache();
    let told = |rank: Rank, change| StandingRow { rank, powers: rank.powers(), within: Vec::new(), change };
    assert!(standing(&db, &told(Rank::Manager, 5)).unwrap());
    assert!(!standing(&db, &told(Rank::Manager, 6)).unwrap(), "the same again is no change");
    assert!(!standing(&db, &told(Rank::Owner, 4)).unwrap());
    assert!(standing(&db, &told(Rank::Guest, 7)).unwrap());
    // What one may do within a group is part of it.
    let within = vec![PowersWithin { group: GROUP, powers: Powers::NONE.with(Power::Users) }];
    let more = StandingRow { within: within.clone(), ..told(Rank::Guest, 8) };
    assert!(standing(&db, &more).unwrap());
    assert!(!standing(&db, &StandingRow { change: 9, ..more }).unwrap());
    let kept: Vec<u8> = db.query_row("SELECT within FROM standing", [], |row| row.get(0)).unwrap();
    assert_eq!(kept.as_chunks().0.iter().map(read).collect::<Vec<_>>(), within);
    assert_eq!(shown(&db, &within).unwrap()[0].group, GROUP.to_string());
    group(&db, &row(4)).unwrap();
    assert_eq!(shown(&db, &within).unwrap()[0].group, "design");
}

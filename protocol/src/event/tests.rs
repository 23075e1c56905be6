use super::*;
use crate::permission::Rank;
use crate::wire::{decode, encode};

#[test]
fn rows_come_back_as_they_went() {
    let changes = Changes {
        rows: vec![
            Row::Read(ReadRow { channel: ChannelId::from_bytes([1; 16]), seq: 4, change: 9 }),
            Row::Person(PersonRow {
                id: AccountId::from_bytes([2; 16]),
                name: "Inês".into(),
                imported: false,
                active: true,
                rank: Rank::Member,
                change: 10,
            }),
        ],
        to: 10,
        live: true,
    };
    let event = Event::Changes(changes);
    assert_eq!(decode::<Event>(&encode(&event).unwrap()).unwrap(), event);
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
}

#[test]
fn a_row_of_an_unknown_kind_does_not_spoil_its_batch() {
    let json = r#"{"changes":{"rows":[{"hologram":{"x":[1,2]}},{"read":{"channel":"01010101-0101-0101-0101-010101010101","seq":4,"change":9,"new":1}}],"to":9,"live":false}}"#;
    let Event::Changes(changes) = serde_json::from_str(json).unwrap() else { panic!() };
    assert_eq!(changes.rows[0], Row::Unknown);
    assert_eq!(changes.rows[1].change(), 9);
    assert_eq!(serde_json::from_str::<Event>(r#"{"later":3}"#).unwrap(), Event::Unknown);
}

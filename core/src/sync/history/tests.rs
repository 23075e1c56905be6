use super::*;

fn channel(n: u8) -> ChannelId {
    ChannelId::from_bytes([n; 16])
}

#[test]
fn a_stretch_takes_the_newest_of_every_channel() {
    let (page, pages) = (u64::from(PAGE_MAX), STRETCH / u64::from(PAGE_MAX));
    // One alone is taken as far as a stretch goes, and no further than it is missing.
    let taken = newest_of(vec![(channel(1), 1, 100_000)], &[]);
    assert_eq!(taken.len() as u64, pages);
    assert_eq!((taken[0], taken[1].2), ((channel(1), 100_001 - page, 100_000), 100_000 - page));
    assert_eq!(taken.last().unwrap().1, 100_001 - STRETCH);
    assert_eq!(newest_of(vec![(channel(1), 41, 90)], &[]), [(channel(1), 41, 90)]);
    // Of many each gives a page at a time, until a stretch is full.
    let some = [(channel(1), 1, 3 * page), (channel(2), 11, 40), (channel(3), 1, page + 1)];
    assert_eq!(
        newest_of(some.to_vec(), &[]),
        [
            (channel(1), 2 * page + 1, 3 * page),
            (channel(2), 11, 40),
            (channel(3), 2, page + 1),
            (channel(1), page + 1, 2 * page),
            (channel(3), 1, 1),
            (channel(1), 1, page),
        ]
    );
    let many: Vec<_> = (0..100).map(|n| (channel(n), 1, 50_000)).collect();
    let taken = newest_of(many, &[]);
    assert_eq!(taken.iter().map(|range| range.2 - range.1 + 1).sum::<u64>(), STRETCH);
    assert!(newest_of(Vec::new(), &[]).is_empty());
    // What somebody looks at comes first, some of it at once.
    let taken = newest_of(some.to_vec(), &[channel(3), channel(9)]);
    assert_eq!(taken[0], (channel(3), 1, page + 1));
    let taken = newest_of(vec![(channel(1), 1, 50_000), (channel(2), 1, 50_000)], &[channel(2)]);
    assert_eq!(taken[0], (channel(2), 50_001 - LOOKED_EACH, 50_000));
    assert_eq!(taken.iter().map(|range| range.2 - range.1 + 1).sum::<u64>(), STRETCH);
}

#[test]
fn what_fails_again_is_tried_less_often_and_a_server_says_itself_when() {
    let full = Error::DiskFull { why: "no room".into() };
    let mut pause = AGAIN;
    let mut waits = Vec::new();
    for _ in 0..8 {
        let wait;
        (wait, pause) = pauses(&full, pause);
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
    let busy = |seconds| {
        let body = thechatapp_protocol::ErrorBody::new(thechatapp_protocol::Code::Busy, "busy", "", "");
        Error::Refused(thechatapp_protocol::ErrorBody { seconds, ..body })
    };
    assert_eq!(pauses(&busy(Some(7)), AGAIN).0, Duration::from_secs(7));
    assert_eq!(pauses(&busy(Some(u64::MAX)), AGAIN).0, AGAIN_MOST);
    assert_eq!(pauses(&busy(None), AGAIN).0, AGAIN);
}

use super::*;

fn upload(number: u8, person: u8, touched: Instant) -> (Place, Upload) {
    let upload = Upload {
        person: AccountId::from_bytes([person; 16]),
        channel: ChannelId::from_bytes([1; 16]),
        size: 10,
        taken: 0,
        key: Key::random().unwrap(),
        writer: None,
        touched,
    };
    ((WorkspaceId::from_bytes([1; 16]), FileId::from_bytes([number; 16])), upload)
}

#[test]
fn one_upload_too_many_ends_the_persons_own_that_was_left_alone_for_longest() {
    let (uploads, start) = (Uploads::default(), Instant::now());
    let add = |number, person, seconds| {
        let now = start + Duration::from_secs(seconds);
        let (place, upload) = upload(number, person, now);
        uploads.add(place, upload, now).unwrap();
    };
    add(100, 2, 0);
    for number in 1..=PER_PERSON as u8 + 1 {
        add(number, 1, u64::from(number));
    }
    let left = |number| uploads.lock().contains_key(&upload(number, 1, start).0);
    assert!(!left(1));
    assert!((2..=PER_PERSON as u8 + 1).all(left));
    assert!(left(100), "another person's");
    // All of these are forgotten after a day.
    add(200, 3, LEFT_ALONE.as_secs() + 60);
    assert_eq!(uploads.lock().len(), 1);
}

#[test]
fn there_are_only_so_many_uploads() {
    let (uploads, now) = (Uploads::default(), Instant::now());
    for number in 0..IN_ALL {
        let (_, mut one) = upload(0, 0, now);
        one.person = AccountId::from_bytes((number as u128).to_be_bytes());
        let place = (WorkspaceId::from_bytes([1; 16]), FileId::from_bytes((number as u128).to_be_bytes()));
        uploads.add(place, one, now).unwrap();
    }
    let (place, one) = upload(255, 255, now);
    assert_eq!(uploads.add(place, one, now).unwrap_err().0.code, Code::Busy);
}

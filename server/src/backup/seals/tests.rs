use super::*;
use thechatapp_seal::LocalKeyService;

const CHEAP: Argon2Params = Argon2Params { m_kib: 8, t: 1, p: 1 };

fn service() -> LocalKeyService {
    LocalKeyFile::create(b"key file", &CHEAP).unwrap().1
}

fn both<'a>(passphrase: &'a str, service: &'a LocalKeyService) -> Opening<'a> {
    Opening { passphrase: Some(passphrase), service: Some(service) }
}

fn alone(service: &LocalKeyService) -> Opening<'_> {
    Opening { passphrase: None, service: Some(service) }
}

/// As the next one who comes finds it.
fn again(keys: &Keys) -> Keys {
    Keys::parse(&keys.bytes().unwrap()).unwrap()
}

fn same(pair: &Pair, other: &Pair) -> bool {
    pair.seal == other.seal && pair.name == other.name
}

#[test]
fn a_folder_opens_with_each_of_what_it_was_made_for_and_with_nothing_else() {
    let (ours, other) = (service(), service());
    for (with, by_passphrase, by_service) in
        [("words".into(), true, false), (alone(&ours), false, true), (both("words", &ours), true, true)]
    {
        let (keys, pair) = Keys::make(with, &CHEAP).unwrap();
        let keys = again(&keys);
        let opens = |with| keys.open(with).is_ok_and(|opened| same(&opened, &pair));
        assert_eq!((opens("words".into()), opens(alone(&ours))), (by_passphrase, by_service));
        for wrong in ["other".into(), alone(&other), Opening::default()] {
            assert_eq!(keys.open(wrong).err().unwrap().kind, Kind::WrongKey);
        }
        let sealed_for = keys.sealed_for();
        assert_eq!((sealed_for.recovery, sealed_for.services.len()), (by_passphrase, usize::from(by_service)));
    }
    assert_eq!(Keys::make(Opening::default(), &CHEAP).err().unwrap().kind, Kind::Usage);
    assert_eq!(Keys::make("".into(), &CHEAP).err().unwrap().kind, Kind::BadInput);
}

#[test]
fn what_opens_the_earlier_backups_of_a_folder_does_not_become_more_by_a_later_one() {
    let ours = service();
    let ways: [Opening<'_>; 3] = ["words".into(), alone(&ours), both("words", &ours)];
    for (made, with) in ways.iter().enumerate() {
        let keys = Keys::make(*with, &CHEAP).unwrap().0;
        for (asked, with) in ways.iter().enumerate() {
            let opened = again(&keys).open_for_more(*with);
            assert_eq!(opened.is_ok(), made == asked, "made for {made}, asked for {asked}");
            assert!(opened.err().is_none_or(|why| why.kind == Kind::BadInput));
        }
    }
    let mut keys = Keys::make(both("words", &ours), &CHEAP).unwrap().0;
    assert_eq!(keys.open_for_more(both("other", &ours)).err().unwrap().kind, Kind::WrongKey);
}

#[test]
fn a_key_service_that_follows_takes_the_place_of_the_one_before() {
    let (former, next) = (service(), service());
    // The recovery passphrase shows that it is the same owner.
    let (mut keys, pair) = Keys::make(both("words", &former), &CHEAP).unwrap();
    let (opened, added) = keys.open_for_more(both("words", &next)).unwrap();
    assert!(added && same(&opened, &pair));
    let keys = again(&keys);
    assert!(keys.open(alone(&next)).is_ok() && keys.open(alone(&former)).is_err() && keys.open("words".into()).is_ok());
    // Without one it is the former service that opens what the next one wraps.
    let (mut keys, pair) = Keys::make(alone(&former), &CHEAP).unwrap();
    assert_eq!(keys.open_for_more(alone(&next)).err().unwrap().kind, Kind::WrongKey);
    let opened = keys.open(alone(&former)).unwrap();
    keys.add_service(&next, &opened).unwrap();
    let mut keys = again(&keys);
    assert!([&former, &next].iter().all(|service| same(&keys.open(alone(service)).unwrap(), &pair)));
    let guard = Guard { provider: "local".into(), key: next.key_id() };
    keys.keep_service(&guard);
    assert!(keys.open(alone(&former)).is_err() && keys.open(alone(&next)).is_ok());
    // The last one stays, whatever is said.
    keys.keep_service(&Guard { provider: "vault".into(), key: "chat".into() });
    assert_eq!(keys.sealed_for().services, [guard]);
}

#[test]
fn files_of_the_release_before_open_and_what_no_release_wrote_does_not() {
    let (keys, _) = Keys::make("words".into(), &CHEAP).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&keys.bytes().unwrap()).unwrap();
    let fields: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    // What a release that knows of passphrases alone writes and reads.
    assert_eq!((fields.join(" "), &value["version"]), ("name recovery seal version".into(), &1.into()));
    let (keys, _) = Keys::make(alone(&service()), &CHEAP).unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&keys.bytes().unwrap()).unwrap();
    assert_eq!(whole["version"], 2);
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = whole.clone();
        change(&mut value);
        Keys::parse(value.to_string().as_bytes()).err().map(|why| why.kind)
    };
    assert_eq!(refused(&|value| value["version"] = 3.into()), Some(Kind::Newer));
    assert_eq!(refused(&|value| value["services"] = serde_json::json!([])), Some(Kind::Corrupt));
    assert_eq!(refused(&|value| value["seal"] = "00".into()), Some(Kind::Corrupt));
    assert_eq!(refused(&|_| {}), None);
}

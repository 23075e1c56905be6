use super::*;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_790_000_000;

fn root(number: u8) -> RootKey {
    RootKey::from_bytes([number; 32])
}

fn document(epoch: u64) -> Document {
    Document {
        workspace_id: [1; 16],
        workspace: "acme".into(),
        name: "Acme".into(),
        generation: [2; 16],
        epoch,
        previous: None,
        root: [0; 32],
        session_keys: vec![SessionKey { public: [3; 32], not_before: NOW - 10, not_after: NOW + 1000 }],
        tls_keys: vec![[4; 32]],
        successor: Some(Sha256::digest(root(9).public().0).into()),
        protocol_min: 1,
        protocol_max: 1,
        allow_unbound: false,
    }
}

fn known() -> Verified {
    let signed = root(1).sign_document(document(100)).unwrap();
    Unverified::new(signed).verify_first(&root(1).public().pin(), NOW).unwrap()
}

fn next(signed: SignedDocument) -> Result<Step, IdentityError> {
    Unverified::new(signed).verify_next(&known(), NOW)
}

#[test]
fn a_document_with_the_pin_s_root_is_trusted_and_with_another_is_not() {
    let signed = root(1).sign_document(document(100)).unwrap();
    assert!(Unverified::new(signed.clone()).verify_first(&root(1).public().pin(), NOW).is_ok());
    let refused = Unverified::new(signed).verify_first(&root(2).public().pin(), NOW);
    assert!(matches!(refused, Err(IdentityError::PinMismatch { .. })));
}

#[test]
fn a_changed_byte_never_leads_to_another_document() {
    let known = known();
    let bytes = known.encode();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let verdict = SignedDocument::decode(&changed)
            .and_then(|signed| Unverified::new(signed).verify_first(&root(1).public().pin(), NOW));
        // The name of an absent field may change: what was signed is still what is read.
        assert!(verdict.is_err() || verdict.as_ref() == Ok(&known), "byte {place}");
    }
}

#[test]
fn new_keys_in_a_higher_epoch_pass_and_an_older_or_second_document_does_not() {
    assert!(matches!(next(root(1).sign_document(document(100)).unwrap()), Ok(Step::Same(_))));
    assert!(matches!(next(root(1).sign_document(document(101)).unwrap()), Ok(Step::Rotated(_))));
    assert!(matches!(next(root(1).sign_document(document(99)).unwrap()), Err(IdentityError::RolledBack { .. })));
    let twin = Document { name: "Acme two".into(), ..document(100) };
    assert!(matches!(next(root(1).sign_document(twin).unwrap()), Err(IdentityError::Forked(100))));
}

#[test]
fn a_new_root_passes_when_the_old_one_or_the_successor_vouches_and_never_otherwise() {
    let fresh = || root(5).sign_document(document(101)).unwrap();
    assert!(matches!(next(fresh()), Err(IdentityError::PinMismatch { .. })));
    assert!(matches!(next(root(6).endorse(fresh())), Err(IdentityError::PinMismatch { .. })));
    assert!(matches!(next(root(1).endorse(fresh())), Ok(Step::NewRoot { by: Endorser::OldRoot, .. })));
    assert!(matches!(next(root(9).endorse(fresh())), Ok(Step::NewRoot { by: Endorser::Successor, .. })));
    let own = root(9).sign_document(document(101)).unwrap();
    assert!(matches!(next(own), Ok(Step::NewRoot { by: Endorser::Successor, .. })));
    // An endorsement of another document does not carry over.
    let mut moved = fresh();
    moved.endorsement = root(1).endorse(root(5).sign_document(document(102)).unwrap()).endorsement;
    assert!(matches!(next(moved), Err(IdentityError::Signature)));
}

/// The newest document of a server whose root changed from 1 to 2, 9 (the successor of the first document), 4 and 5, and then its session
/// keys, with the documents in which each came in.
fn after_years() -> (SignedDocument, Vec<SignedDocument>) {
    let chain = vec![
        root(1).sign_document(document(90)).unwrap(),
        root(1).endorse(root(2).sign_document(document(110)).unwrap()),
        root(9).sign_document(document(120)).unwrap(),
        root(9).endorse(root(4).sign_document(document(130)).unwrap()),
        root(4).endorse(root(5).sign_document(Document { session_keys: Vec::new(), ..document(140) }).unwrap()),
    ];
    (root(5).sign_document(document(150)).unwrap(), chain)
}

#[test]
fn whoever_was_away_while_several_roots_followed_each_other_goes_from_one_to_the_next() {
    let (newest, chain) = after_years();
    assert!(matches!(next(newest.clone()), Err(IdentityError::PinMismatch { .. })));
    let whole = newest.clone().with_chain(chain.clone());
    let travelled = SignedDocument::decode(&whole.encode()).unwrap();
    assert_eq!(travelled, whole);
    let Ok(Step::NewRoot { verified, by: Endorser::OldRoot }) = next(travelled) else { panic!() };
    assert_eq!(verified.pin(), root(5).public().pin());
    // Whoever saw some of it goes on from there.
    for link in &chain {
        let Ok(seen) = Verified::restore(&link.encode()) else { panic!() };
        let step = Unverified::new(whole.clone()).verify_next(&seen, NOW).unwrap();
        assert!(matches!(step, Step::NewRoot { .. }) != (seen.pin() == root(5).public().pin()), "{step:?}");
    }
    // Not without each of the steps, not by another's word, not by one for another document, and not back in time.
    for missing in 1..chain.len() {
        let mut broken = chain.clone();
        broken.remove(missing);
        // The successor is announced from the first document on.
        let passes = missing <= 2;
        assert_eq!(next(newest.clone().with_chain(broken)).is_ok(), passes, "without {missing}");
        let mut forged = chain.clone();
        let stranger = root(7).endorse(root(4).sign_document(document(130)).unwrap());
        forged[3] = stranger;
        assert!(next(newest.clone().with_chain(forged)).is_err());
        let mut moved = chain.clone();
        moved[4].endorsement = chain[3].endorsement;
        assert!(next(newest.clone().with_chain(moved)).is_err());
    }
    let mut older = chain.clone();
    older[4] = root(4).endorse(root(5).sign_document(document(129)).unwrap());
    assert!(next(newest.clone().with_chain(older)).is_err());
    // Nor does it end before its last step, which it may be itself.
    let early = root(5).sign_document(document(129)).unwrap();
    assert!(next(early.with_chain(chain.clone())).is_err());
    let end = root(4).endorse(root(5).sign_document(document(140)).unwrap());
    let mut itself = chain.clone();
    itself[4] = end.clone();
    assert!(matches!(next(end.with_chain(itself)), Ok(Step::NewRoot { .. })));
    // Of another workspace it leads nowhere.
    let mut strange = chain.clone();
    let elsewhere = Document { workspace_id: [7; 16], ..document(130) };
    strange[3] = root(9).endorse(root(4).sign_document(elsewhere).unwrap());
    assert!(next(newest.with_chain(strange)).is_err());
}

#[test]
fn a_chain_of_any_length_fits_and_ends_with_the_newest() {
    let (newest, chain) = after_years();
    let long: Vec<_> = chain.iter().cycle().take(1000).cloned().chain(chain.clone()).collect();
    let whole = newest.with_chain(long);
    assert!(whole.encode().len() <= DOCUMENT_MAX && whole.encode().len() > DOCUMENT_MAX - 2000);
    assert_eq!(whole.chain[whole.chain.len() - chain.len()..], chain);
    // None within another.
    let nested = SignedDocument { chain: vec![whole.clone()], ..whole };
    assert!(SignedDocument::decode(&nested.encode()).is_err());
}

#[test]
fn a_restored_server_shows_a_new_generation_of_the_same_root() {
    let restored = Document { generation: [8; 16], ..document(200) };
    assert!(matches!(next(root(1).sign_document(restored.clone()).unwrap()), Ok(Step::Restored(_))));
    let older = Document { epoch: 50, ..restored };
    assert!(matches!(next(root(1).sign_document(older).unwrap()), Err(IdentityError::RolledBack { .. })));
    let other = Document { workspace_id: [7; 16], ..document(300) };
    assert!(matches!(next(root(1).sign_document(other).unwrap()), Err(IdentityError::OtherWorkspace)));
}

#[test]
fn the_session_key_that_began_last_is_used_and_none_is_an_error() {
    let mut two = document(100);
    two.session_keys.push(SessionKey { public: [5; 32], not_before: NOW - 5, not_after: NOW + 5 });
    two.session_keys.push(SessionKey { public: [6; 32], not_before: NOW + 5, not_after: NOW + 500 });
    assert_eq!(two.session_key(NOW), Some(&[5; 32]));
    assert_eq!(two.session_key(NOW + 6), Some(&[6; 32]));
    let signed = root(1).sign_document(two).unwrap();
    assert_eq!(Unverified::new(signed).verify_self(NOW + 100_000).err(), Some(IdentityError::NoSessionKey));
}

#[test]
fn a_stored_document_comes_back_verified_again() {
    let verified = known();
    assert_eq!(Verified::restore(&verified.encode()).unwrap(), verified);
    assert!(Verified::restore(&verified.encode()[1..]).is_err());
}

#[test]
fn fingerprints_are_proquints_and_only_their_own_beginning_matches() {
    // 127.0.0.1 is lusab-babad in Wilkerson's paper; 63.84.220.193 is gutih-tugad.
    let mut pin = [0; 32];
    pin[..8].copy_from_slice(&[127, 0, 0, 1, 63, 84, 220, 193]);
    let pin = Pin(pin);
    assert!(pin.words().starts_with("lusab-babad-gutih-tugad-"));
    assert_eq!(pin.words().split('-').count(), 8);
    assert!(pin.matches_words("Lusab babad"));
    assert!(pin.matches_words(&pin.words()));
    for wrong in ["", "lusab", "lusab-gutih", "babad-lusab", "lusab-babadx"] {
        assert!(!pin.matches_words(wrong), "{wrong}");
    }
    assert_eq!(pin.to_string().len(), 43);
    assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
}

#[test]
fn an_invite_prints_and_parses_and_says_what_is_wrong_with_a_damaged_one() {
    let invite = Invite {
        base: "https://chat.example.org".into(),
        workspace: "acme".into(),
        pin: root(1).public().pin(),
        code: make_code().unwrap(),
    };
    assert_eq!(invite.to_string().parse::<Invite>().unwrap(), invite);
    let text = invite.to_string();
    let pin = invite.pin.to_string();
    for (damaged, says) in [
        (text.replace("https", "http"), "https"),
        (text.split('#').next().unwrap().to_owned(), "#"),
        (text.rsplit_once('.').unwrap().0.to_owned(), "code"),
        (text.replace(&pin, &pin[1..]), "pin"),
        (text.replace("/join/acme", "/join/"), "/join/"),
        (text.replace("https://", "https://me:secret@"), "password"),
        ("hello".into(), "address"),
    ] {
        let why = damaged.parse::<Invite>().unwrap_err().to_string();
        assert!(why.contains(says), "{damaged}: {why}");
    }
}

#[test]
fn addresses_are_taken_with_and_without_scheme_port_and_workspace() {
    let parse = |text: &str| text.parse::<Address>().map(|address| (address.base, address.workspace));
    assert_eq!(parse("chat.example.org"), Ok(("https://chat.example.org".into(), None)));
    assert_eq!(parse(" https://127.0.0.1:8443/ "), Ok(("https://127.0.0.1:8443".into(), None)));
    assert_eq!(parse("https://c.example/w/acme"), Ok(("https://c.example".into(), Some("acme".into()))));
    for bad in ["", "http://c.example", "ftp://c", "https://c.example/other", "https://"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn encoded_forms_stay_as_they_are() {
    let signed = root(1).endorse(root(5).sign_document(document(100)).unwrap());
    let invite = Invite {
        base: "https://chat.example.org".into(),
        workspace: "acme".into(),
        pin: root(1).public().pin(),
        code: "abcdefghijklmnopqrstuvwxyz".into(),
    };
    let hex = data_encoding::HEXLOWER.encode(&signed.encode());
    let golden = format!("signed {hex}\ninvite {invite}\nwords {}\n", invite.pin.words());
    crate::golden("identity.txt", &golden);
}

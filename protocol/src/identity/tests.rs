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

use super::*;

#[test]
fn each_kind_of_the_core_has_its_case() {
    let why = String::new;
    assert!(matches!(ChatError::from(Error::Offline { why: why() }), ChatError::Offline { code: 10, .. }));
    assert!(matches!(ChatError::from(Error::NotTrusted { pin: why() }), ChatError::NotTrusted { code: 11, .. }));
    assert!(matches!(
        ChatError::from(Error::PinMismatch { pinned: why(), shown: why() }),
        ChatError::IdentityMismatch { code: 11, .. }
    ));
    for error in [
        Error::bad_input("", ""),
        Error::NoBackend { why: why() },
        Error::Locked { why: why() },
        Error::Dismissed { why: why() },
        Error::KeyMissing,
        Error::WrongKey { why: why() },
        Error::Corrupt { file: why(), why: why() },
        Error::Unreachable { why: why() },
        Error::Busy,
        Error::Newer { file: why() },
        Error::DiskFull { why: why() },
    ] {
        assert!(!matches!(ChatError::from(error.clone()), ChatError::Internal { .. }), "{error:?}");
    }
    let internal = Error::Internal { id: "i".into(), why: why() };
    assert!(matches!(ChatError::from(internal), ChatError::Internal { code: 70, .. }));
}

#[test]
fn an_error_says_what_and_why() {
    assert_eq!(
        ChatError::bad_input("the name is empty", "people need one").to_string(),
        "the name is empty: people need one"
    );
}

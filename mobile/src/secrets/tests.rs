use super::*;

#[test]
fn an_undeclared_exception_is_a_storage_that_cannot_be_reached() {
    let error = SecretError::from(uniffi::UnexpectedUniFFICallbackError::new("KeyError: x"));
    assert!(matches!(&error, SecretError::Unreachable { why } if why.contains("KeyError")));
    assert!(matches!(core::SecretError::from(error), core::SecretError::Unreachable(_)));
}

#[test]
fn each_reason_stays_what_it_is() {
    let why = || "why".to_owned();
    for (foreign, ours) in [
        (SecretError::NoBackend { why: why() }, core::SecretError::NoBackend(why())),
        (SecretError::Locked { why: why() }, core::SecretError::Locked(why())),
        (SecretError::Dismissed { why: why() }, core::SecretError::Dismissed(why())),
        (SecretError::Unreachable { why: why() }, core::SecretError::Unreachable(why())),
    ] {
        assert_eq!(core::SecretError::from(foreign), ours);
    }
}

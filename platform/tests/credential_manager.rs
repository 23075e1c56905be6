//! Windows' Credential Manager. On Windows it is the real one, elsewhere Wine's (`cargo xtask windows`).

#![cfg(windows)]

use thechatapp_core::SecretStore;
use thechatapp_platform::Keyring;

#[test]
fn an_entry_is_written_replaced_read_and_removed() {
    let entry = format!("test of process {}", std::process::id());
    assert_eq!(Keyring.backend(), "credential-manager");
    assert!(Keyring.read(&entry).unwrap().is_none());
    for secret in [[7; 32], [0; 32]] {
        Keyring.write(&entry, &secret).unwrap();
        assert_eq!(Keyring.read(&entry).unwrap().unwrap()[..], secret);
    }
    Keyring.remove(&entry).unwrap();
    assert!(Keyring.read(&entry).unwrap().is_none());
    Keyring.remove(&entry).unwrap();
}

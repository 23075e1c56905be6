//! Credential Manager and the registry, as Windows has them. They run on Windows, and elsewhere under Wine.

#![cfg(windows)]
#![allow(clippy::unwrap_used)]

use std::time::Duration;
use thechatapp_core::SecretStore;
use thechatapp_platform::Keyring;
use windows_registry::CURRENT_USER;

#[test]
fn an_entry_of_credential_manager_is_written_replaced_read_and_removed() {
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

#[test]
#[ignore = "it changes the settings of whoever runs it"]
fn the_script_of_the_settings_is_found_where_there_is_one() {
    let network = thechatapp_platform::platform(Duration::from_secs(1)).network;
    assert_eq!(network.script().unwrap(), None);
    let settings = CURRENT_USER.create(r"Software\Microsoft\Windows\CurrentVersion\Internet Settings").unwrap();
    settings.set_string("AutoConfigURL", " http://proxy.example.org/proxy.pac").unwrap();
    let found = network.script();
    settings.set_string("AutoConfigURL", "").unwrap();
    let emptied = network.script();
    settings.remove_value("AutoConfigURL").unwrap();
    assert_eq!(found.unwrap().unwrap(), "http://proxy.example.org/proxy.pac");
    assert_eq!(emptied.unwrap(), None);
    assert_eq!(network.script().unwrap(), None);
}

//! Secure storage through keyring: Secret Service, Keychain, Credential Manager.
//!
//! keyring reports several states as one error, so the platform's own error underneath is looked at: whether there is no
//! storage at all, whether it is locked, or whether it does not answer, leads to different screens.

use keyring_core::Error as KeyringError;
use thechatapp_core::{SecretError, SecretStore};
use zeroize::Zeroizing;

/// Under which service name entries are kept.
const SERVICE: &str = "app.thechat";

/// The system's secure storage.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keyring;

impl SecretStore for Keyring {
    fn backend(&self) -> &'static str {
        if cfg!(windows) {
            "credential-manager"
        } else if cfg!(target_os = "macos") {
            "keychain"
        } else {
            "secret-service"
        }
    }

    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        match open(entry)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(KeyringError::NoEntry) => Ok(None),
            Err(why) => Err(tell_apart(&why)),
        }
    }

    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), SecretError> {
        open(entry)?.set_secret(secret).map_err(|why| tell_apart(&why))
    }

    fn remove(&self, entry: &str) -> Result<(), SecretError> {
        match open(entry)?.delete_credential() {
            Ok(()) | Err(KeyringError::NoEntry) => Ok(()),
            Err(why) => Err(tell_apart(&why)),
        }
    }
}

/// An entry in a store that is connected to anew each time: a service that was started meanwhile is found.
#[cfg(all(unix, not(target_os = "macos")))]
fn open(entry: &str) -> Result<keyring_core::Entry, SecretError> {
    use keyring_core::api::CredentialStoreApi;
    let store = zbus_secret_service_keyring_store::Store::new().map_err(|why| tell_apart(&why))?;
    store.build(SERVICE, entry, None).map_err(|why| tell_apart(&why))
}

/// An entry in the platform's one store.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn open(entry: &str) -> Result<keyring::v1::Entry, SecretError> {
    keyring::v1::Entry::new(SERVICE, entry).map_err(|why| tell_apart(&why))
}

fn tell_apart(why: &KeyringError) -> SecretError {
    let text = why.to_string();
    match why {
        KeyringError::NoDefaultStore | KeyringError::NotSupportedByStore(_) => SecretError::NoBackend(text),
        KeyringError::NoStorageAccess(inner) | KeyringError::PlatformFailure(inner) => {
            underneath(inner.as_ref(), text, matches!(why, KeyringError::NoStorageAccess(_)))
        }
        _ => SecretError::Unreachable(text),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn underneath(inner: &(dyn std::error::Error + Send + Sync + 'static), text: String, _no_access: bool) -> SecretError {
    use secret_service::Error as Service;
    match inner.downcast_ref::<Service>() {
        Some(Service::Prompt) if somebody_asks() => {
            SecretError::Dismissed("its question was closed without an answer".into())
        }
        Some(Service::Prompt) => SecretError::Locked("its question could not be shown".into()),
        Some(Service::Locked) => SecretError::Locked("it is locked, and asked nobody".into()),
        Some(Service::PromptDisconnected) => SecretError::Locked("it ended while it was asking".into()),
        // gnome-keyring answers with no result when a prompt cannot be shown at all.
        Some(Service::NoResult) => SecretError::Locked("its question could not be shown".into()),
        Some(Service::Unavailable) => SecretError::NoBackend(text),
        Some(Service::Zbus(bus)) => by_bus(bus, text),
        Some(Service::ZbusFdo(bus)) => by_answer(bus, text),
        _ => SecretError::Unreachable(text),
    }
}

/// Whether a question of the storage can be shown. gnome-keyring leaves that to another program, and calls a question
/// dismissed that it could not even give away.
#[cfg(all(unix, not(target_os = "macos")))]
fn somebody_asks() -> bool {
    const KEYRING: &str = "org.gnome.keyring";
    const PROMPTER: &str = "org.gnome.keyring.SystemPrompter";
    let look = || -> zbus::Result<bool> {
        let bus = zbus::blocking::fdo::DBusProxy::new(&zbus::blocking::Connection::session()?)?;
        let there = |name: &'static str| -> zbus::Result<bool> { Ok(bus.name_has_owner(name.try_into()?)?) };
        Ok(!there(KEYRING)?
            || there(PROMPTER)?
            || bus.list_activatable_names()?.iter().any(|name| name.as_str() == PROMPTER))
    };
    look().unwrap_or(true)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn by_bus(bus: &zbus::Error, text: String) -> SecretError {
    match bus {
        zbus::Error::FDO(answer) => by_answer(answer, text),
        zbus::Error::MethodError(name, _, _) if name.as_str() == "org.freedesktop.DBus.Error.ServiceUnknown" => {
            SecretError::NoBackend(text)
        }
        zbus::Error::MethodError(name, _, _) if name.as_str() == "org.freedesktop.Secret.Error.IsLocked" => {
            SecretError::Locked(text)
        }
        // No bus at this address, or none at all.
        zbus::Error::Connection(..)
        | zbus::Error::InputOutput(_)
        | zbus::Error::Address(_)
        | zbus::Error::Handshake(_) => SecretError::NoBackend(text),
        _ => SecretError::Unreachable(text),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn by_answer(answer: &zbus::fdo::Error, text: String) -> SecretError {
    use zbus::fdo::Error as Answer;
    match answer {
        Answer::ServiceUnknown(_) | Answer::NameHasNoOwner(_) | Answer::SpawnServiceNotFound(_) => {
            SecretError::NoBackend(text)
        }
        _ => SecretError::Unreachable(text),
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn underneath(_: &(dyn std::error::Error + Send + Sync + 'static), text: String, no_access: bool) -> SecretError {
    if no_access { SecretError::Locked(text) } else { SecretError::Unreachable(text) }
}

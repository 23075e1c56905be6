//! `keys.json` of a backup's folder: its two keys, wrapped for a recovery passphrase, for key services, or for both.
//!
//! A folder is sealed for what it was made with: a passphrase that is added later would open all that is there already.

use super::snapshot::VERSION;
use crate::error::{Error, Kind, Result};
use crate::kms;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use thechatapp_seal::{Argon2Params, Key, KeyService, KmsError, LocalKeyFile, WrapContext};
use zeroize::Zeroizing;

/// The version of a file that no recovery passphrase opens: releases that know of nothing else refuse it.
const WITHOUT_RECOVERY: u32 = 2;
/// What the keys are wrapped for.
const SEAL: &str = "backup seal";
const NAME: &str = "backup name";

/// What opens a backup, or is to open it.
#[derive(Clone, Copy, Default)]
pub struct Opening<'a> {
    /// The recovery passphrase.
    pub passphrase: Option<&'a str>,
    /// A key service.
    pub service: Option<&'a dyn KeyService>,
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

impl<'a> From<&'a str> for Opening<'a> {
    fn from(passphrase: &'a str) -> Self {
        Self { passphrase: Some(passphrase), service: None }
    }
}

impl<'a> From<&'a Zeroizing<String>> for Opening<'a> {
    fn from(passphrase: &'a Zeroizing<String>) -> Self {
        passphrase.as_str().into()
    }
}

/// Which key of which service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The provider's name.
    pub provider: String,
    /// Its key's name.
    pub key: String,
}

/// What a key of a service has wrapped.
#[derive(Debug)]
pub(crate) struct Wrapped {
    /// Which one, as it was called then.
    pub(crate) by: Guard,
    /// Whose it is.
    pub(crate) context: WrapContext,
    /// It.
    pub(crate) wrapped: Vec<u8>,
}

/// What opens the backups of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedFor {
    /// Whether a recovery passphrase does.
    pub recovery: bool,
    /// The key services that do, the latest last.
    pub services: Vec<Guard>,
}

/// `keys.json` as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    /// A key file that the recovery passphrase opens, and the keys wrapped by it: all three, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    services: Vec<ForService>,
}

/// The keys of a folder, wrapped.
pub(super) struct Keys {
    recovery: Option<ForPassphrase>,
    services: Vec<ForService>,
}

/// The keys wrapped by a key file that the recovery passphrase opens.
#[derive(Clone)]
struct ForPassphrase {
    recovery: Box<RawValue>,
    seal: String,
    name: String,
}

/// The keys wrapped by a key service.
#[derive(Clone, Serialize, Deserialize)]
struct ForService {
    provider: String,
    key: String,
    seal: String,
    name: String,
}

/// The key that seals, and the key that names.
pub(super) struct Pair {
    pub(super) seal: Key,
    pub(super) name: Key,
}

pub(super) fn damaged(what: &str, why: impl ToString) -> Error {
    Error::new(Kind::Corrupt, format!("{what} of the backup is damaged"), why.to_string(), "use another backup")
}

fn passphrase_fault(why: KmsError) -> Error {
    match why {
        KmsError::BadPassphrase => Error::new(
            Kind::WrongKey,
            "The recovery passphrase does not open this backup",
            "it is another one, or has a typing error",
            "give the one that this backup was made with",
        ),
        other => damaged("The key file", other),
    }
}

fn other_folder(why: &str) -> Error {
    Error::bad_input("No backup is made there", why, "choose another folder, or give what this one is sealed for")
}

fn unwrapped(service: &dyn KeyService, what: &str, hex: &str) -> Result<Key> {
    let wrapped = HEXLOWER.decode(hex.as_bytes()).map_err(|why| damaged("The key file", why))?;
    service.unwrap(&WrapContext::new(what), &wrapped).map_err(|why| match why {
        KmsError::WrongKey => Error::new(
            Kind::WrongKey,
            "The key service does not open this backup",
            format!("it was sealed for another key than {}", service.key_id()),
            "give the --kms of the service, and of the key, that it was sealed for",
        ),
        KmsError::Garbage => damaged("The key file", why),
        why => kms::failed(service, why),
    })
}

impl ForService {
    fn new(service: &dyn KeyService, pair: &Pair) -> Result<Self> {
        let wrapped = |what, key: &Key| {
            let wrapped = service.wrap(&WrapContext::new(what), key).map_err(|why| kms::failed(service, why))?;
            let hex = HEXLOWER.encode(&wrapped);
            // A service that takes keys and does not give them back would be noticed when it is too late.
            if unwrapped(service, what, &hex)? == *key {
                Ok(hex)
            } else {
                Err(kms::away("it gave another key back than it was given"))
            }
        };
        Ok(Self {
            provider: service.provider().to_owned(),
            key: service.key_id(),
            seal: wrapped(SEAL, &pair.seal)?,
            name: wrapped(NAME, &pair.name)?,
        })
    }

    fn is(&self, guard: &Guard) -> bool {
        self.provider == guard.provider && self.key == guard.key
    }

    fn open(&self, service: &dyn KeyService) -> Result<Pair> {
        Ok(Pair { seal: unwrapped(service, SEAL, &self.seal)?, name: unwrapped(service, NAME, &self.name)? })
    }
}

impl ForPassphrase {
    fn new(passphrase: &str, cost: &Argon2Params, pair: &Pair) -> Result<Self> {
        if passphrase.is_empty() {
            let why = "an empty one protects nothing";
            return Err(Error::bad_input("The recovery passphrase is empty", why, "choose one"));
        }
        let (file, service) = LocalKeyFile::create(passphrase.as_bytes(), cost)?;
        let raw = String::from_utf8(file).ok().and_then(|text| RawValue::from_string(text.trim().to_owned()).ok());
        let wrapped = |what, key| Ok::<_, Error>(HEXLOWER.encode(&service.wrap(&WrapContext::new(what), key)?));
        Ok(Self {
            recovery: raw.ok_or_else(|| Error::internal("A key file could not be written", "it is no JSON"))?,
            seal: wrapped(SEAL, &pair.seal)?,
            name: wrapped(NAME, &pair.name)?,
        })
    }

    fn open(&self, passphrase: &str) -> Result<Pair> {
        let service =
            LocalKeyFile::open(self.recovery.get().as_bytes(), passphrase.as_bytes()).map_err(passphrase_fault)?;
        // It opened by this passphrase, so what it does not unwrap is damaged.
        let unwrapped = |what, hex| unwrapped(&service, what, hex).map_err(|why| damaged("The key file", why.why));
        Ok(Pair { seal: unwrapped(SEAL, &self.seal)?, name: unwrapped(NAME, &self.name)? })
    }
}

impl Keys {
    /// New keys for this folder.
    pub(super) fn make(with: Opening<'_>, cost: &Argon2Params) -> Result<(Self, Pair)> {
        let pair = Pair { seal: Key::random()?, name: Key::random()? };
        let recovery = with.passphrase.map(|passphrase| ForPassphrase::new(passphrase, cost, &pair)).transpose()?;
        let services: Vec<_> =
            with.service.map(|service| ForService::new(service, &pair)).transpose()?.into_iter().collect();
        if recovery.is_none() && services.is_empty() {
            return Err(Error::new(
                Kind::Usage,
                "Nothing would open this backup",
                "neither a recovery passphrase nor the key service was named",
                "give --recovery-passphrase-file, --key-service, or both",
            ));
        }
        Ok((Self { recovery, services }, pair))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(|why| damaged("The key file", why))?;
        if version != VERSION && version != WITHOUT_RECOVERY {
            return Err(Error::new(
                Kind::Newer,
                "A newer release made this backup",
                format!("it has version {version}, this release knows {WITHOUT_RECOVERY}"),
                "use that release",
            ));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|why| damaged("The key file", why))?;
        let recovery = match (written.recovery, written.seal, written.name) {
            (Some(recovery), Some(seal), Some(name)) => Some(ForPassphrase { recovery, seal, name }),
            (None, None, None) if !written.services.is_empty() => None,
            _ => return Err(damaged("The key file", "a part of it is missing")),
        };
        Ok(Self { recovery, services: written.services })
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let recovery = self.recovery.clone();
        let version = if recovery.is_some() { VERSION } else { WITHOUT_RECOVERY };
        let (recovery, seal, name) = match recovery {
            Some(ForPassphrase { recovery, seal, name }) => (Some(recovery), Some(seal), Some(name)),
            None => (None, None, None),
        };
        serde_json::to_vec(&Written { version, recovery, seal, name, services: self.services.clone() })
            .map_err(|why| Error::internal("A key file could not be written", why))
    }

    pub(super) fn sealed_for(&self) -> SealedFor {
        let guard = |one: &ForService| Guard { provider: one.provider.clone(), key: one.key.clone() };
        SealedFor { recovery: self.recovery.is_some(), services: self.services.iter().map(guard).collect() }
    }

    /// What key services wrapped of them.
    pub(super) fn wrapped(&self) -> Result<Vec<Wrapped>> {
        let of = |one: &ForService| {
            let wrapped = HEXLOWER.decode(one.seal.as_bytes()).map_err(|why| damaged("The key file", why))?;
            let by = Guard { provider: one.provider.clone(), key: one.key.clone() };
            Ok(Wrapped { by, context: WrapContext::new(SEAL), wrapped })
        };
        self.services.iter().map(of).collect()
    }

    /// Opens the keys with whatever of this does.
    pub(super) fn open(&self, with: Opening<'_>) -> Result<Pair> {
        if let (Some(passphrase), Some(recovery)) = (with.passphrase, &self.recovery) {
            return recovery.open(passphrase);
        }
        let Some(service) = with.service else {
            return Err(Error::new(
                Kind::WrongKey,
                "No recovery passphrase opens this backup",
                format!("it is sealed for {}", self.guards()),
                "give --kms with that key service",
            ));
        };
        let mut last = None;
        for one in self.services.iter().rev().filter(|one| one.provider == service.provider()) {
            match one.open(service) {
                Ok(pair) => return Ok(pair),
                Err(why) => last = Some(why),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(
                Kind::WrongKey,
                "The key service does not open this backup",
                format!("it is sealed for {}", self.guards()),
                "give what it was sealed for",
            )
        }))
    }

    /// A further key service opens them.
    pub(super) fn add_service(&mut self, service: &dyn KeyService, pair: &Pair) -> Result<()> {
        let fresh = ForService::new(service, pair)?;
        self.services.retain(|one| one.provider != fresh.provider || one.key != fresh.key);
        self.services.push(fresh);
        Ok(())
    }

    /// The others do not open them any longer.
    pub(super) fn keep_service(&mut self, kept: &Guard) {
        if self.services.iter().any(|one| one.is(kept)) {
            self.services.retain(|one| one.is(kept));
        }
    }

    fn guards(&self) -> String {
        let mut all: Vec<String> =
            self.services.iter().map(|one| format!("the key {} of {}", one.key, one.provider)).collect();
        if self.recovery.is_some() {
            all.insert(0, "a recovery passphrase".to_owned());
        }
        all.join(", ")
    }

    /// Opens the keys for another backup that is to be sealed for exactly this. Answers whether a key service was added:
    /// the one that follows the one before.
    pub(super) fn open_for_more(&mut self, with: Opening<'_>) -> Result<(Pair, bool)> {
        match (with.passphrase.is_some(), self.recovery.is_some()) {
            (true, false) => {
                return Err(other_folder(
                    "a passphrase would also open the earlier backups there, which none opens now",
                ));
            }
            (false, true) => return Err(other_folder("what is there opens with a recovery passphrase, too")),
            _ => {}
        }
        match (with.service, self.services.is_empty()) {
            (Some(_), true) => {
                Err(other_folder("the key service would also open the earlier backups there, which it does not now"))
            }
            (None, false) => Err(other_folder("what is there opens with a key service, too")),
            (None, true) => Ok((self.open(with)?, false)),
            (Some(service), false) => {
                let opened = self.open(Opening { passphrase: None, service: Some(service) });
                match (opened, with.passphrase) {
                    // The passphrase is looked at, too: what is made with a wrong one nobody could open with the right one.
                    (Ok(_), Some(passphrase)) => Ok((self.open(passphrase.into())?, false)),
                    (Ok(pair), None) => Ok((pair, false)),
                    (Err(why), Some(passphrase)) if why.kind == Kind::WrongKey => {
                        let pair = self.open(passphrase.into())?;
                        // The one before it is not used by this host any longer.
                        self.services = vec![ForService::new(service, &pair)?];
                        Ok((pair, true))
                    }
                    (Err(why), _) => Err(why),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
